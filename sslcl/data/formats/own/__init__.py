"""The open format for own data: a card, a table of utterances, and features beside it."""
