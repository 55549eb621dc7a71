"""Approved versions of model package groups are compiled once, and rejected ones not."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from .harness import CONFIG, Harness, target_name, wait_until

GROUP = "e2e-registry-resnet"
GLOB = "e2e-registry-*"
Json = dict[str, Any]


def upload_config(harness: Harness, group: str, device: str = "ml_c5") -> None:
    """Uploads a configuration with a rule for model package groups."""
    document = yaml.safe_load(CONFIG.read_text())
    rule = {"name": "registry", "model_package_group": group, "targets": [{"device": device}]}
    document["compilation"]["rules"].append(rule)
    harness.upload_config(document)


@pytest.fixture(scope="module", autouse=True)
def restore_config(harness: Harness) -> Iterator[None]:
    harness.stack.client("sagemaker").create_model_package_group(ModelPackageGroupName=GROUP)
    yield
    harness.restore_config()
    harness.wait_until_idle()


def register_version(harness: Harness, approval: str = "PendingManualApproval") -> str:
    """Registers the next version of the group and returns its ARN."""
    container = {"Image": "neo", "ModelDataUrl": f"s3://{harness.bucket}/registry/model.tar.gz"}
    created = harness.stack.client("sagemaker").create_model_package(
        ModelPackageGroupName=GROUP,
        InferenceSpecification={"Containers": [container]},
        ModelApprovalStatus=approval,
    )
    return str(created["ModelPackageArn"])


def change_approval(harness: Harness, arn: str, approval: str) -> None:
    harness.stack.client("sagemaker").update_model_package(ModelPackageArn=arn, ModelApprovalStatus=approval)


def requested_versions(harness: Harness) -> list[str]:
    """Returns the versions and targets of the accepted requests, in order."""
    packages = [job for job in harness.accepted_requests() if GROUP in job.get("ModelPackageVersionArn", "")]
    return [f"{job['ModelPackageVersionArn'].rpartition('/')[2]} for {target_name(job)}" for job in packages]


def notifications_of_version(harness: Harness, arn: str, kind: str) -> list[Json]:
    about = [n for n in harness.subscriber.received if n.get("model", {}).get("model_package_version_arn") == arn]
    return [notification for notification in about if notification["type"] == kind]


def wait_for_notification(harness: Harness, arn: str, kind: str) -> Json:
    arrived = harness.subscriber.wait_until(lambda _: bool(notifications_of_version(harness, arn, kind)), 60)
    assert arrived, [notification["subject"] for notification in harness.subscriber.received]
    return notifications_of_version(harness, arn, kind)[0]


def test_newest_and_later_approved_versions_are_compiled_once(harness: Harness) -> None:
    """SEMANTICS approved-once: A rule with `model_package_group` compiles the newest approved version when it becomes
    active, and each version that is approved later, once per target.
    """
    first, second, third = (register_version(harness, approval) for approval in ("Approved", "Approved", "Rejected"))
    upload_config(harness, GLOB)
    summary = wait_for_notification(harness, second, "model.summary")
    assert [(job["target"], job["status"]) for job in summary["jobs"]] == [("ml_c5", "COMPLETED")]
    assert requested_versions(harness) == ["2 for ml_c5"]

    change_approval(harness, third, "Approved")
    wait_for_notification(harness, third, "model.summary")
    for arn in (first, second, third):
        change_approval(harness, arn, "Rejected")
        change_approval(harness, arn, "Approved")
    harness.wait_until_idle()
    harness.invoke_function("PlanCompilation", {})
    harness.wait_until_idle()
    assert requested_versions(harness) == ["2 for ml_c5", "3 for ml_c5"]

    upload_config(harness, GLOB, "ml_m5")
    assert wait_until(lambda: requested_versions(harness)[2:] == ["3 for ml_m5"]), requested_versions(harness)
    harness.wait_until_idle()


def test_version_whose_event_was_lost_is_found(harness: Harness) -> None:
    with harness.stack.disable_rule("ModelPackageRule"):
        arn = register_version(harness, "Approved")
        assert not notifications_of_version(harness, arn, "compilation.started")
        harness.invoke_function("PlanCompilation", {})
        wait_for_notification(harness, arn, "model.summary")
    assert requested_versions(harness)[-1] == "4 for ml_m5"


def test_version_rejected_while_its_job_waits_is_not_compiled(harness: Harness) -> None:
    """SEMANTICS approved-only: No job is created for a version of a model package group that is not approved at that
    moment; its request is rejected.
    """
    arn = register_version(harness)
    harness.stack.call_emulator("settings", {"max_running": 0})
    try:
        change_approval(harness, arn, "Approved")
        assert wait_until(lambda: any(row["row"].get("quota_wait") for row in harness.read_ledger().values()))
        change_approval(harness, arn, "Rejected")
    finally:
        harness.stack.call_emulator("settings", {"max_running": None})

    def is_answered() -> bool:
        time.sleep(0.5)  # between the sweeps
        harness.invoke_function("SweepCompilations", {})
        list(harness.subscriber.receive_notifications())
        return bool(notifications_of_version(harness, arn, "compilation.rejected"))

    assert wait_until(is_answered)
    [rejected] = notifications_of_version(harness, arn, "compilation.rejected")
    assert rejected["problems"][0]["code"] == "package-not-approved"
    assert "its approval status is Rejected" in rejected["text"]
    harness.wait_until_idle()
    assert not [version for version in requested_versions(harness) if version.startswith("5 ")]


def test_rule_for_a_group_that_does_not_exist_is_answered(harness: Harness) -> None:
    upload_config(harness, "e2e-no-such-group")

    def answers() -> list[Json]:
        codes = [(n, [problem["code"] for problem in n.get("problems", [])]) for n in harness.subscriber.received]
        return [notification for notification, found in codes if found == ["package-group-missing"]]

    assert harness.subscriber.wait_until(lambda _: bool(answers()), 60), harness.subscriber.received
    harness.invoke_function("PlanCompilation", {})
    harness.wait_until_idle()
    [answer] = answers()
    assert (answer["type"], answer["rule"]) == ("compilation.rejected", "registry")
