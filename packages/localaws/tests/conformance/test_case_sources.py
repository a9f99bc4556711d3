"""The sources of the cases: AWS's models have what they name, and the findings about them are about cases that exist."""

import pytest
from case_sources import EXCEPTIONS, READ, api_page, declared_codes, model_member
from conformance_cases import QUERY, Case
from conformance_tables import CASES, rows

_ADDRESSES = sorted({row.source for row in rows()})
# Codes that AWS answers and the model does not declare, by service. Those of "" are of requests that do not fit their model.
_OTHER_CODES = {
    "": {"ValidationException", "ValidationError"},
    "kms": {"NotAuthorizedException"},
    "s3": {"BadRequest", "KMS.NotFoundException", "MalformedPolicy"},
    "sts": {"AccessDenied"},
}
_ERRORS = [one for _, one in CASES if one.error and one.calls[-1].operation != QUERY and not one.error.startswith("(")]


def _code(one: Case) -> str:
    return (one.error or "").partition(":")[0]


@pytest.mark.parametrize("address", [address for address in _ADDRESSES if "/API_" in address])
def test_a_page_of_an_api_reference_is_about_an_operation_or_a_type_that_the_service_has(address: str) -> None:
    found = api_page(address)
    assert found, f"{address} has not the form of an API reference's page"
    model, name = found
    assert name in model.operation_names or name in model.shape_names, f"{model.service_name} has no {name}"


@pytest.mark.parametrize("source", [source for source in _ADDRESSES if source.startswith("botocore:")])
def test_a_member_of_a_model_exists_and_has_a_limit(source: str) -> None:
    found = model_member(source)
    assert found, f"{source} does not read `botocore: SERVICE NAME.MEMBER`"
    model, name, member = found
    shape = model.operation_model(name).input_shape if name in model.operation_names else model.shape_for(name)
    assert member in shape.members, f"{name} of {model.service_name} has no member {member}"
    limits = shape.members[member].metadata.keys() & {"min", "max", "pattern", "enum"}
    assert limits or member in shape.required_members, f"{name}.{member} of {model.service_name} has no limit"


@pytest.mark.parametrize("one", _ERRORS, ids=lambda one: f"{one.service}: {one.says}")
def test_an_error_has_a_code_that_the_operation_declares_or_that_is_known_besides(one: Case) -> None:
    known = declared_codes(one.model) | _OTHER_CODES[""] | _OTHER_CODES.get(one.service, set())
    assert _code(one) in known, f"{one.model.name} of {one.service} declares no error {_code(one)}"


def test_each_other_code_is_one_that_a_case_needs() -> None:
    needed = {(one.service, _code(one)) for one in _ERRORS if _code(one) not in declared_codes(one.model)}
    given = {(service, code) for service, codes in _OTHER_CODES.items() for code in codes}
    assert {("" if code in _OTHER_CODES[""] else service, code) for service, code in needed} == given


def test_what_was_read_is_the_source_of_a_case() -> None:
    assert sorted(READ - set(_ADDRESSES)) == []


def test_findings_are_about_cases_that_exist() -> None:
    cases = {(row.service, row.says) for row in rows()}
    findings = [(service, claim) for found in EXCEPTIONS.values() for service, claims in found.items() for claim in claims]
    assert [one for one in findings if one not in cases] == []
    assert len(set(findings)) == len(findings)
