"""IAM and STS."""

import json
from typing import Any

from conformance_cases import AWS, Call, call, case

SERVICE = "iam"
_IAM = f"{AWS}/IAM/latest/APIReference"
_STS = f"{AWS}/STS/latest/APIReference"
_GRAMMAR = f"{AWS}/IAM/latest/UserGuide/reference_policies_grammar.html"
_PRINCIPALS = f"{AWS}/IAM/latest/UserGuide/reference_policies_elements_principal.html"


def _trust(principal: Any, **more: Any) -> str:
    return json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"} | more]}
    )


def _policy(**more: Any) -> str:
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"} | more
    given = {name: value for name, value in statement.items() if value is not None}
    return json.dumps({"Version": "2012-10-17", "Statement": [given]})


_OURS = _trust({"AWS": "arn:aws:iam::<account>:root"})
SCENE = [call("iam.create_role", {"role": "Role.Arn"}, RoleName="<name>", AssumeRolePolicyDocument=_OURS)]


def _role(trust: str, **more: Any) -> Call:
    return call("iam.create_role", {"made": "Role.Arn"}, RoleName="<name>", AssumeRolePolicyDocument=trust, **more)


def _untrusted(says: str, trust: str, text: str, source: str = _PRINCIPALS) -> Any:
    return case(says, source, _role(trust), error=f"MalformedPolicyDocument: {text}")


def _malformed(says: str, policy: str, text: str) -> Any:
    return case(
        says, _GRAMMAR, call("iam.create_policy", PolicyName="<name>", PolicyDocument=policy), error=f"MalformedPolicyDocument: {text}"
    )


CASES = [
    _untrusted(
        "a role trusts no principal that does not exist",
        _trust({"AWS": "arn:aws:iam::<account>:role/none"}),
        'Invalid principal in policy: "AWS":"arn:aws:iam::<account>:role/none"',
    ),
    _untrusted("a principal is an ARN or an account", _trust({"AWS": "nobody"}), 'Invalid principal in policy: "AWS":"nobody"'),
    _untrusted("a service principal is a service's host name", _trust({"Service": "codebuild"}), "Invalid principal in policy"),
    _untrusted("a trust policy has no resource", _trust("*", Resource="*"), "Has prohibited field Resource", _GRAMMAR),
    _untrusted("a trust policy is JSON", "{", "This policy contains invalid Json", _GRAMMAR),
    _untrusted(
        "a trust policy names STS's actions alone",
        _trust("*", Action="s3:GetObject"),
        "AssumeRole policy may only specify STS AssumeRole actions.",
        f"{_IAM}/API_CreateRole.html",
    ),
    case(
        "a role may trust a role that exists",
        _PRINCIPALS,
        _role(_trust({"AWS": ["<role>"]})),
        gives={"Role.Arn": "arn:aws:iam::<account>:role/<name>"},
    ),
    case(
        "a session lasts an hour at least",
        "botocore: iam CreateRole.MaxSessionDuration",
        _role(_OURS, MaxSessionDuration=60),
        error="ValidationError: 1 validation error detected: Value '60' at 'maxSessionDuration'",
    ),
    case(
        "a role's name has none of the characters that its pattern excludes",
        "botocore: iam CreateRole.RoleName",
        call("iam.create_role", RoleName="a b", AssumeRolePolicyDocument=_OURS),
        error="ValidationError: 1 validation error detected: Value 'a b' at 'roleName'",
    ),
    case(
        "a role that exists is not created again",
        f"{_IAM}/API_CreateRole.html",
        _role(_OURS),
        _role(_OURS),
        error="EntityAlreadyExists: Role with name <name> already exists.",
    ),
    case(
        "a role with a policy is not deleted",
        f"{_IAM}/API_DeleteRole.html",
        _role(_OURS),
        call("iam.put_role_policy", RoleName="<name>", PolicyName="p", PolicyDocument=_policy()),
        call("iam.delete_role", RoleName="<name>"),
        error="DeleteConflict: Cannot delete entity, must d",
    ),
    _malformed("a statement has a resource", _policy(Resource=None), "Policy statement must contain resources."),
    _malformed("a statement has an action", _policy(Action=None), "Policy statement must contain actions."),
    _malformed("an action names its service", _policy(Action="GetObject"), "Actions/Conditions must be prefaced by a vendor"),
    _malformed("a resource is an ARN or *", _policy(Resource="bucket"), 'Resource bucket must be in ARN format or "*".'),
    _malformed("an identity's policy has no principal", _policy(Principal="*"), "Policy document should not specify a principal."),
    _malformed("an effect is Allow or Deny", _policy(Effect="allow"), ""),
    _malformed("a statement has no unknown element", _policy(Resources="*"), "Syntax errors in policy"),
    _malformed(
        "a policy's version is one of two",
        json.dumps({"Version": "2020-01-01", "Statement": []}),
        "The policy must contain a valid version string",
    ),
    case(
        "a policy that does not exist is not attached",
        f"{_IAM}/API_AttachRolePolicy.html",
        _role(_OURS),
        call("iam.attach_role_policy", RoleName="<name>", PolicyArn="arn:aws:iam::<account>:policy/none"),
        error="NoSuchEntity: Policy arn:aws:iam::<account>:policy/none does not exist or is not attachable.",
    ),
    case(
        "a policy that exists is not created again",
        f"{_IAM}/API_CreatePolicy.html",
        call("iam.create_policy", PolicyName="<name>", PolicyDocument=_policy()),
        call("iam.create_policy", PolicyName="<name>", PolicyDocument=_policy()),
        error="EntityAlreadyExists: A policy called <name> already exists.",
    ),
    case(
        "a policy has at most five versions",
        f"{_IAM}/API_CreatePolicyVersion.html",
        call("iam.create_policy", {"arn": "Policy.Arn"}, PolicyName="<name>", PolicyDocument=_policy()),
        *[call("iam.create_policy_version", PolicyArn="<arn>", PolicyDocument=_policy()) for _ in range(5)],
        error="LimitExceeded: ",
    ),
    case(
        "a default version is not deleted",
        f"{_IAM}/API_DeletePolicyVersion.html",
        call("iam.create_policy", {"arn": "Policy.Arn"}, PolicyName="<name>", PolicyDocument=_policy()),
        call("iam.delete_policy_version", PolicyArn="<arn>", VersionId="v1"),
        error="DeleteConflict: ",
    ),
    case(
        "roles are listed in pages",
        f"{_IAM}/API_ListRoles.html",
        call("iam.create_role", RoleName="<name>-a", Path="/<name>/", AssumeRolePolicyDocument=_OURS),
        call("iam.create_role", RoleName="<name>-b", Path="/<name>/", AssumeRolePolicyDocument=_OURS),
        call("iam.list_roles", {"marker": "Marker"}, PathPrefix="/<name>/", MaxItems=1),
        call("iam.list_roles", PathPrefix="/<name>/", MaxItems=1, Marker="<marker>"),
        gives={"Roles[].RoleName": ["<name>-b"], "IsTruncated": False, "Marker": None},
    ),
    case(
        "a page that is not the last one says so",
        f"{_IAM}/API_ListUsers.html",
        call("iam.create_user", UserName="<name>-a", Path="/<name>/"),
        call("iam.create_user", UserName="<name>-b", Path="/<name>/"),
        call("iam.list_users", PathPrefix="/<name>/", MaxItems=1),
        gives={"Users[].UserName": ["<name>-a"], "IsTruncated": True, "Marker": ...},
    ),
    case(
        "a page that IAM never gave is refused",
        f"{_IAM}/API_ListRoles.html",
        call("iam.list_roles", Marker="none"),
        error="ValidationError: ",
    ),
    case(
        "GetUser without a name is about the caller",
        f"{_IAM}/API_GetUser.html",
        call("iam.get_user"),
        gives={"User.UserName": "administrator"},
    ),
    case("a role that does not exist", f"{_IAM}/API_GetRole.html", call("iam.get_role", RoleName="<name>"), error="NoSuchEntity: "),
    case(
        "the simulation of policies",
        f"{_IAM}/API_SimulatePrincipalPolicy.html",
        call("iam.simulate_principal_policy", PolicySourceArn="<role>", ActionNames=["s3:GetObject"]),
        refused="The local AWS does not honour iam:SimulatePrincipalPolicy.",
    ),
    case(
        "a password for the console",
        f"{_IAM}/API_CreateLoginProfile.html",
        call("iam.create_login_profile", UserName="administrator", Password="x"),
        refused="The local AWS does not honour iam:CreateLoginProfile.",
    ),
    case(
        "the caller is named by ARN, account and id",
        f"{_STS}/API_GetCallerIdentity.html",
        call("sts.get_caller_identity"),
        gives={"Arn": "arn:aws:iam::<account>:user/administrator", "Account": "<account>", "UserId": ...},
    ),
    case(
        "a denial names the caller, though the role does not exist",
        f"{_STS}/API_AssumeRole.html",
        call("sts.assume_role", RoleArn="arn:aws:iam::<account>:role/none", RoleSessionName="session"),
        error=(
            "AccessDenied: User: arn:aws:iam::<account>:user/administrator is not authorized to perform: sts:AssumeRole "
            "on resource: arn:aws:iam::<account>:role/none"
        ),
    ),
    case(
        "a role that trusts another principal is not assumed",
        f"{_STS}/API_AssumeRole.html",
        _role(_trust({"Service": "codebuild.amazonaws.com"})),
        call("sts.assume_role", RoleArn="<made>", RoleSessionName="session"),
        error="AccessDenied: User: arn:aws:iam::<account>:user/administrator is not authorized to perform: sts:AssumeRole on resource",
    ),
    case(
        "a session has the role's name and its own in its ARN",
        f"{_STS}/API_AssumeRole.html",
        _role(_OURS),
        call("sts.assume_role", RoleArn="<made>", RoleSessionName="session"),
        gives={"AssumedRoleUser.Arn": "arn:aws:sts::<account>:assumed-role/<name>/session", "Credentials.SessionToken": ...},
    ),
    case(
        "a session lasts 15 minutes at least",
        "botocore: sts AssumeRole.DurationSeconds",
        call("sts.assume_role", RoleArn="<role>", RoleSessionName="session", DurationSeconds=60),
        error="ValidationError: 1 validation error detected: Value '60' at 'durationSeconds'",
    ),
    case(
        "a session's name has two characters at least",
        "botocore: sts AssumeRole.RoleSessionName",
        call("sts.assume_role", RoleArn="<role>", RoleSessionName="x"),
        error="ValidationError: 1 validation error detected: Value 'x' at 'roleSessionName'",
    ),
    case(
        "a session of a federated user",
        f"{_STS}/API_GetFederationToken.html",
        call("sts.get_federation_token", Name="somebody"),
        refused="The local AWS does not honour sts:GetFederationToken.",
    ),
]
