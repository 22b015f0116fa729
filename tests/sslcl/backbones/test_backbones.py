"""Every backbone keeps the contract; a new one is tested as soon as its file exists."""

import pytest

from sslcl.backbones import BACKBONES
from sslcl.config import TrialConfig
from sslcl.errors import InputError
from sslcl.testing.backbone_cases import build_backbone
from sslcl.testing.backbones import BackboneContract

pytestmark = pytest.mark.medium
WITHOUT_DROPOUT = {"dialogue_rnn": {"recurrent_dropout": 0.0}}

for _name in BACKBONES.names():
    globals()[f"Test_{_name}"] = type(
        f"Test_{_name}",
        (BackboneContract,),
        {"name": _name, "without_dropout": WITHOUT_DROPOUT.get(_name, {})},
    )


def test_a_hidden_size_that_the_heads_do_not_divide_is_refused_at_once() -> None:
    with pytest.raises(InputError, match=r"hidden_size 30 .* heads 4 .* such as 28 or 32"):
        TrialConfig.parse({"backbone": "transformer", "hidden_size": 30})
    with pytest.raises(InputError, match="such as 4"):
        build_backbone("transformer", hidden=2)
