"""Pickles from anywhere, read without running them.

Published features come as pickles, and ``pickle.load`` runs what a file asks for. An allow-list of
classes (``Unpickler.find_class``) stops the running but bounds neither memory nor time: a file of
a few bytes can repeat a string a billion times, nest without end, or claim a gigantic array. The
interpreter here builds plain data only, and stops when it would take more memory, depth or steps
than the size of the file allows.
"""

from sslcl.data.reading.pickles._machine import printable as printable
from sslcl.data.reading.pickles.reader import load_pickle as load_pickle
