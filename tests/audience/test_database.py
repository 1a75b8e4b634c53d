"""How a database is connected to."""

import pytest

from onlooker.audience.database import open_database
from tests.audience.databases import Cluster


def test_a_server_whose_network_is_gone_is_given_up_within_seconds(cluster: Cluster) -> None:
    database = open_database(cluster.empty())
    with database.transaction() as session:
        told = session._cursor.connection.info.get_parameters()
    database.close()
    assert (told["tcp_user_timeout"], told["keepalives_idle"], told["keepalives_interval"]) == ("10000", "10", "5")


def test_a_database_is_called_without_its_password_whatever_is_in_that() -> None:
    pytest.importorskip("psycopg")
    for url in ("postgresql://screen:hush@hush@db/shop", "postgres://screen:hu/sh@db/shop"):
        assert open_database(url).name == f"{url.partition(':')[0]}://***@db/shop"
    assert open_database("postgresql://db/shop?user=screen&password=hush").name == "postgresql://db/shop?***"
