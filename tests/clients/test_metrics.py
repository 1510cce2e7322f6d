"""The metrics as the parser of the Prometheus project reads them, which takes nothing that is not OpenMetrics."""

from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from support.rest import until
from support.scripted import task

TASKS = 20


async def scrape(house) -> dict:
    async with house.api.session.get(f"{house.url}/metrics") as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
        return {family.name: family for family in text_string_to_metric_families(await response.text())}


def of(family, suffix: str, **labels: str) -> list[Sample]:
    def fits(sample: Sample) -> bool:
        return sample.name == family.name + suffix and labels.items() <= sample.labels.items()

    return [sample for sample in family.samples if fits(sample)]


def check_histograms(families: dict) -> None:
    for family in families.values():
        if family.type != "histogram":
            continue
        for count in of(family, "_count"):
            buckets = of(family, "_bucket", **count.labels)
            values = [bucket.value for bucket in buckets]
            assert values == sorted(values) and values[-1] == count.value, family.name
            assert buckets[-1].labels["le"] == "+Inf"
            (total,) = of(family, "_sum", **count.labels)
            assert total.value >= 0


async def test_a_strict_parser_reads_every_family(house):
    families = await scrape(house)
    assert len(families) >= 40
    assert all(name.startswith("gleitzeit_") for name in families)
    assert all(family.documentation for family in families.values())
    for name, family in families.items():
        assert not family.unit or name.endswith(f"_{family.unit}")
    check_histograms(families)


async def test_names_of_services_come_back_as_they_were_and_work_is_counted(house):
    name = 'a "quoted" name, \\n and {braces}'
    worker = await house.worker(name, node_id="quoted")
    workflow = await house.api.submit([task(f"t{number}", service=name) for number in range(TASKS)])
    for _ in range(TASKS):
        assigned = await worker.assigned()
        await worker.accept(assigned)
        await worker.complete(assigned, {"n": 1})
    await house.api.ended(workflow)
    families = await scrape(house)
    check_histograms(families)
    (count,) = of(families["gleitzeit_task_run_seconds"], "_count", service=name)
    assert (count.labels["task_type"], count.value) == ("external_custom", TASKS)
    (accepted,) = of(families["gleitzeit_service_accept_seconds"], "_count", service=name)
    assert accepted.value == TASKS
    assert of(families["gleitzeit_service_breaker"], "", service=name, gleitzeit_service_breaker="closed")[0].value == 1
    (syncs,) = of(families["gleitzeit_log_sync_seconds"], "_count")
    (batches,) = of(families["gleitzeit_log_batch_records"], "_count")
    assert syncs.value >= batches.value > 0


async def test_a_collector_needs_the_token(guarded_house):
    async with guarded_house.api.session.get(f"{guarded_house.url}/metrics", headers={"Authorization": "Bearer no"}) as response:
        assert response.status == 401
    assert await scrape(guarded_house)
