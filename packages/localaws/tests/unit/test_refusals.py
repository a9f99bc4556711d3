import pytest

from localaws.kit.members import ANY, only, refuse_unhonoured
from localaws.kit.service import AwsError
from localaws.sagemaker import refusals

HONOURED = {"Name": ANY, "Items": {"Mode": only("a", "b"), "Size": only(1), "Hosts": only(1, why="There is one.")}}


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        ({"Other": 1}, "Other is not honoured by the local AWS."),
        ({"Items": [{"Mode": "a"}, {"Mode": "c"}]}, "Items.Mode 'c' is not honoured by the local AWS; it honours 'a' or 'b'."),
        ({"Items": [{"Extra": {"x": 1}}]}, "Items.Extra is not honoured by the local AWS."),
        ({"Items": [{"Hosts": 2}]}, "Items.Hosts 2 is not honoured by the local AWS; it honours 1. There is one."),
        ({"Items": [{"Size": 2}]}, "Items.Size 2 is not honoured by the local AWS; it honours 1."),
    ],
)
def test_the_first_member_that_is_not_honoured_is_named(request_, text):
    with pytest.raises(AwsError) as error:
        refuse_unhonoured(request_, HONOURED)
    assert (error.value.code, error.value.message) == ("ValidationException", text)


@pytest.mark.parametrize("request_", [{}, {"Name": {"any": 1}}, {"Other": {}}, {"Other": []}, {"Items": [{"Mode": "b", "Size": 1}]}])
def test_honoured_and_empty_members_pass(request_):
    refuse_unhonoured(request_, HONOURED)


def paths(honoured, shape, where=""):
    """The tables' member names that botocore's model does not have."""
    shape = shape.member if shape.type_name == "list" else shape
    for name, inner in honoured.items():
        if name not in shape.members:
            yield f"{where}{name}"
        elif isinstance(inner, dict):
            yield from paths(inner, shape.members[name], f"{where}{name}.")


@pytest.mark.parametrize(
    ("service", "operation", "table"),
    [
        ("sagemaker", "CreateTrainingJob", refusals.TRAINING_JOB),
        ("sagemaker", "CreateHyperParameterTuningJob", refusals.TUNING_JOB),
        ("sagemaker", "CreateModel", refusals.MODEL),
        ("sagemaker", "CreateModelPackageGroup", refusals.MODEL_PACKAGE_GROUP),
        ("sagemaker", "ListModelPackageGroups", refusals.MODEL_PACKAGE_GROUPS),
        ("sagemaker", "CreateModelPackage", refusals.MODEL_PACKAGE),
        ("sagemaker", "UpdateModelPackage", refusals.MODEL_PACKAGE_UPDATE),
        ("sagemaker", "CreateEndpointConfig", refusals.ENDPOINT_CONFIG),
        ("sagemaker", "CreateEndpoint", refusals.ENDPOINT),
        ("sagemaker", "UpdateEndpoint", refusals.ENDPOINT_UPDATE),
        ("sagemaker", "UpdateEndpointWeightsAndCapacities", refusals.WEIGHTS),
        ("sagemaker-runtime", "InvokeEndpoint", refusals.INVOCATION),
    ],
)
def test_every_honoured_member_is_one_of_awss(service, operation, table):
    from localaws.kit.service_models import service_model

    assert list(paths(table, service_model(service).operation_model(operation).input_shape)) == []
