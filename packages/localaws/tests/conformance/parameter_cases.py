"""SSM parameters and Secrets Manager."""

from typing import Any

from conformance_cases import AWS, Call, call, case

SERVICE = "ssm"
SCENE: list[Call] = []
_API = f"{AWS}/systems-manager/latest/APIReference"
_GUIDE = f"{AWS}/systems-manager/latest/userguide"
_SECRETS = f"{AWS}/secretsmanager/latest/apireference"


def _put(name: str = "/<name>", value: str = "v", kind: str = "String", **more: Any) -> Call:
    return call("ssm.put_parameter", Name=name, Value=value, Type=kind, **more)


def _is_ciphertext(path: str) -> dict[str, Any]:
    return {f"starts_with({path}, 'AQICAH')": True}


CASES = [
    case(
        "a standard parameter has at most 4,096 characters",
        f"{_GUIDE}/parameter-store-advanced-parameters.html",
        _put(value="x" * 5000),
        error="ValidationException: Standard tier parameters support a maximum parameter value of 4096 characters.",
    ),
    case(
        "an advanced parameter has at most 8,192 characters",
        f"{_GUIDE}/parameter-store-advanced-parameters.html",
        _put(value="x" * 8193, Tier="Advanced"),
        error="ValidationException: ",
    ),
    case(
        "an intelligent tier becomes advanced for a long value",
        f"{_GUIDE}/parameter-store-advanced-parameters.html",
        _put(value="x" * 5000, Tier="Intelligent-Tiering"),
        gives={"Tier": "Advanced", "Version": 1},
    ),
    case(
        "an intelligent tier is standard for a short value",
        f"{_GUIDE}/parameter-store-advanced-parameters.html",
        _put(Tier="Intelligent-Tiering"),
        gives={"Tier": "Standard"},
    ),
    case(
        "a SecureString without decryption is a ciphertext",
        f"{_API}/API_GetParameter.html",
        _put(value="secret", kind="SecureString"),
        call("ssm.get_parameter", Name="/<name>"),
        gives=_is_ciphertext("Parameter.Value"),
    ),
    case(
        "a SecureString with decryption is the text",
        f"{_API}/API_GetParameter.html",
        _put(value="secret", kind="SecureString"),
        call("ssm.get_parameter", Name="/<name>", WithDecryption=True),
        gives={"Parameter.Value": "secret"},
    ),
    case(
        "the history of a SecureString has ciphertexts, and who wrote them",
        f"{_API}/API_GetParameterHistory.html",
        _put(value="secret", kind="SecureString"),
        call("ssm.get_parameter_history", Name="/<name>"),
        gives=_is_ciphertext("Parameters[0].Value") | {"Parameters[0].LastModifiedUser": "arn:aws:iam::<account>:user/administrator"},
    ),
    case("a parameter has a value", f"{_API}/API_PutParameter.html", _put(value=""), error="ValidationException: "),
    case(
        "a new parameter has a type",
        f"{_API}/API_PutParameter.html",
        call("ssm.put_parameter", Name="/<name>", Value="v"),
        error="ValidationException: ",
    ),
    case(
        "a parameter that exists is not put without Overwrite",
        f"{_API}/API_PutParameter.html",
        _put(),
        _put(),
        error="ParameterAlreadyExists: The parameter already exists.",
    ),
    case(
        "an overwritten parameter has the next version", f"{_API}/API_PutParameter.html", _put(), _put(Overwrite=True), gives={"Version": 2}
    ),
    case(
        "a name with a hierarchy begins with a slash",
        f"{_GUIDE}/sysman-paramstore-su-create.html",
        _put("a/<name>"),
        error="ValidationException: ",
    ),
    case("a name has no spaces", f"{_GUIDE}/sysman-paramstore-su-create.html", _put("/a <name>"), error="ValidationException: "),
    case("a name does not begin with ssm", f"{_GUIDE}/sysman-paramstore-su-create.html", _put("ssm<name>"), error="ValidationException: "),
    case(
        "a value fits the parameter's own pattern",
        f"{_API}/API_PutParameter.html",
        _put(value="A1", AllowedPattern="^[a-z]+$"),
        error="ParameterPatternMismatchException: ",
    ),
    case(
        "a type is one of three",
        "botocore: ssm PutParameter.Type",
        _put(kind="Text"),
        error="ValidationException: 1 validation error detected: Value 'Text' at 'type'",
    ),
    case(
        "tags are not put with Overwrite",
        f"{_API}/API_PutParameter.html",
        _put(Overwrite=True, Tags=[{"Key": "a", "Value": "b"}]),
        error="ValidationException: ",
    ),
    case(
        "a path is read level by level",
        f"{_API}/API_GetParametersByPath.html",
        _put("/<name>/a"),
        _put("/<name>/b/c"),
        call("ssm.get_parameters_by_path", Path="/<name>"),
        gives={"Parameters[].Name": ["/<name>/a"]},
    ),
    case(
        "a path is read in pages of at most ten",
        f"{_API}/API_GetParametersByPath.html",
        call("ssm.get_parameters_by_path", Path="/", MaxResults=11),
        error="ValidationException: 1 validation error detected: Value '11' at 'maxResults'",
    ),
    case(
        "a path begins with a slash",
        f"{_API}/API_GetParametersByPath.html",
        call("ssm.get_parameters_by_path", Path="a"),
        error="ValidationException: ",
    ),
    case(
        "a parameter that does not exist",
        f"{_API}/API_GetParameter.html",
        call("ssm.get_parameter", Name="/<name>"),
        error="ParameterNotFound: ",
    ),
    case(
        "names that do not exist are listed as invalid",
        f"{_API}/API_GetParameters.html",
        _put(),
        call("ssm.get_parameters", Names=["/<name>", "/none-<name>"]),
        gives={"Parameters[].Name": ["/<name>"], "InvalidParameters": ["/none-<name>"]},
    ),
    case(
        "a version is selected by its number",
        f"{_API}/API_GetParameter.html",
        _put(value="one"),
        _put(value="two", Overwrite=True),
        call("ssm.get_parameter", Name="/<name>:1"),
        gives={"Parameter.Value": "one", "Parameter.Selector": ":1"},
    ),
    case(
        "a version that does not exist",
        f"{_API}/API_GetParameter.html",
        _put(),
        call("ssm.get_parameter", Name="/<name>:9"),
        error="ParameterVersionNotFound: Systems Manager could not find version 9 of /<name>.",
    ),
    case(
        "a value that is an image",
        f"{_API}/API_PutParameter.html",
        _put(DataType="aws:ec2:image"),
        refused="The local AWS does not honour the DataType aws:ec2:image of PutParameter.",
    ),
    case(
        "filters of a path",
        f"{_API}/API_GetParametersByPath.html",
        call("ssm.get_parameters_by_path", Path="/", ParameterFilters=[{"Key": "Type", "Values": ["String"]}]),
        refused="ParameterFilters",
    ),
    case(
        "a secret that exists is not created again",
        f"{_SECRETS}/API_CreateSecret.html",
        call("secretsmanager.create_secret", Name="<name>", SecretString="s"),
        call("secretsmanager.create_secret", Name="<name>", SecretString="s"),
        error="ResourceExistsException: ",
    ),
    case(
        "a secret's version has the id that the caller chose",
        f"{_SECRETS}/API_CreateSecret.html",
        call("secretsmanager.create_secret", Name="<name>", SecretString="s", ClientRequestToken="11111111-2222-3333-4444-555555555555"),
        gives={"VersionId": "11111111-2222-3333-4444-555555555555"},
    ),
    case(
        "a new version takes the label AWSCURRENT, the old one AWSPREVIOUS",
        f"{_SECRETS}/API_PutSecretValue.html",
        call("secretsmanager.create_secret", Name="<name>", SecretString="old"),
        call("secretsmanager.put_secret_value", SecretId="<name>", SecretString="new"),
        call("secretsmanager.get_secret_value", SecretId="<name>", VersionStage="AWSPREVIOUS"),
        gives={"SecretString": "old", "VersionStages": ["AWSPREVIOUS"]},
    ),
    case(
        "a secret that waits for its deletion has no value",
        f"{_SECRETS}/API_DeleteSecret.html",
        call("secretsmanager.create_secret", Name="<name>", SecretString="s"),
        call("secretsmanager.delete_secret", SecretId="<name>"),
        call("secretsmanager.get_secret_value", SecretId="<name>"),
        error="InvalidRequestException: ",
    ),
    case(
        "a secret waits 7 to 30 days for its deletion",
        f"{_SECRETS}/API_DeleteSecret.html",
        call("secretsmanager.create_secret", Name="<name>", SecretString="s"),
        call("secretsmanager.delete_secret", SecretId="<name>", RecoveryWindowInDays=3),
        error="InvalidParameterException: ",
    ),
    case(
        "a secret that does not exist",
        f"{_SECRETS}/API_GetSecretValue.html",
        call("secretsmanager.get_secret_value", SecretId="<name>"),
        error="ResourceNotFoundException: Secrets Manager can't find the specified secret.",
    ),
    case(
        "the rotation of a secret",
        f"{_SECRETS}/API_RotateSecret.html",
        call("secretsmanager.rotate_secret", SecretId="<name>"),
        refused="The local AWS does not honour secretsmanager:RotateSecret.",
    ),
]
