"""The configuration of fine-tuning runs as JSON."""

from albertlm import AlbertConfig, settings
from albertlm.training.finetuning_config import FinetuningConfig
from albertlm.training.run_config import Phase


def test_it_is_read_as_it_was_written() -> None:
    config = FinetuningConfig(
        task="squad2",
        head="question-answering",
        metric="f1",
        model=AlbertConfig.preset("albert-base-v2", id2label={0: "a", 1: "b"}),
        conditional=True,
        shift=128,
        phases=(Phase(steps=20, batch_size=8, length=384),),
        warmup_steps=2,
        look_every=5,
        class_weights=None,
    )
    assert settings.from_json(FinetuningConfig, settings.to_json(config)) == config
    assert (config.length, config.batch_size) == (384, 8)
    assert config.reading().shift == 128
    assert config.loss(4).rows_at_once == 4
