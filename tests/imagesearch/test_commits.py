from imagesearch.commits import Cached
from imagesearch.db import Deletion, open_database
from tests import postgresql

engine = postgresql.either


def commit(database):
    with database.write() as session:
        session.add(Deletion(image_number=1))


def test_every_commit_is_seen_whoever_makes_it(url, database):
    theirs, seen = open_database(url), [database.commits.latest()]
    for one in (database, theirs):
        commit(one)
        seen.append(database.commits.latest())
    theirs.engine.dispose()
    assert len(set(seen)) == 3
    assert database.commits.latest() == seen[-1]


def test_no_stamp_comes_again_after_the_connections_were_closed(database):
    seen = set()
    for _ in range(5):
        commit(database)
        seen.add(database.commits.latest())
        database.engine.dispose()
    assert len(seen) == 5


def test_a_cache_is_right_until_the_next_commit_and_never_for_a_writer(database):
    cache = Cached()
    with database.read() as session:
        assert not cache.is_right(session)
        cache.now_right(session)
    with database.read() as session:
        assert cache.is_right(session)
    with database.write() as session:
        assert not cache.is_right(session)
    commit(database)
    with database.read() as session:
        assert not cache.is_right(session)
