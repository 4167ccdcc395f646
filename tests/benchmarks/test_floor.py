"""The plainest service, which the real one is compared with, does do what an upload is for."""
import io
from contextlib import closing

from benchmarks import floor


def test_it_describes_a_photo_and_keeps_file_and_row(tmp_path, monkeypatch, photo):
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    app, data = floor.create_app(), photo("chelsea.png")
    with closing(app.extensions["database"]) as database:
        answer = app.test_client().post("/upload", data={"image": (io.BytesIO(data), "cat.png")})
        (sha256, *row), = database.execute("SELECT sha256, filename, caption FROM images")
    assert answer.status_code == 201
    assert row == ["cat.png", answer.json["caption"]]
    assert (tmp_path / sha256).read_bytes() == data
    assert len(answer.json["caption"].split()) > 3
