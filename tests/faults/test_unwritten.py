"""The wait for Postgres ends neither before it has everything nor with what others go on to do."""

from .unwritten import Unwritten


def test_what_was_made_is_waited_for_until_postgres_has_its_fact_and_its_states(books):
    books.trade(1)
    books.open(2)
    unwritten = Unwritten(books.redis)
    seen = [unwritten.is_written()]

    books.drain().facts()
    seen.append(unwritten.is_written())
    books.drain().flush()

    assert seen == [False, False]
    assert unwritten.is_written()


def test_what_others_go_on_to_make_is_not_waited_for(books):
    books.trade(1)
    unwritten = Unwritten(books.redis)
    books.drain().everything()
    unwritten.is_written()  # a look at states that are not dirty; then they are again
    books.trade(1)

    assert unwritten.is_written()
    assert not Unwritten(books.redis).is_written()
