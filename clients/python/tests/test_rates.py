"""Where a key has a rate, programs and services wait for their turn, and nothing fails for it."""

import asyncio

import pytest

from gleitzeit_cluster import GleitzeitCluster

from conftest import TOKEN, House, open_house
from support.server import Server

RATES = "[rates]\nrequests_per_key = 5\nmessages_per_key = 20\nburst_seconds = 1\n"
# Twice what comes at once.
WORKFLOWS = 10


@pytest.fixture
async def slow_house(tmp_path):
    async for house in open_house(Server(tmp_path, token=TOKEN, config=RATES)):
        yield house


async def test_more_than_the_rate_takes_longer_and_fails_nowhere(slow_house: House):
    async def press(task):
        return "pressed"

    await slow_house.serve(press, "press")
    async with GleitzeitCluster(slow_house.url, auth_token=TOKEN, start_server=False) as cluster:

        async def run(number: int) -> str:
            workflow = cluster.create_workflow(f"Run {number}")
            workflow.add_external_task("Work", "custom_processing", "press")
            return (await cluster.execute_workflow(workflow)).status.value

        assert await asyncio.gather(*map(run, range(WORKFLOWS))) == ["completed"] * WORKFLOWS
