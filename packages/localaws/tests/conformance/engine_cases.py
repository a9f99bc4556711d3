"""CodeBuild, CodePipeline, CodeConnections and SageMaker: what they answer without running anything."""

from conformance_cases import AWS, Call, call, case

SERVICE = "codebuild"
SCENE: list[Call] = []
_BUILD = f"{AWS}/codebuild/latest/APIReference"
_PIPELINE = f"{AWS}/codepipeline/latest/APIReference"
_CONNECTIONS = f"{AWS}/codeconnections/latest/APIReference"
_SAGEMAKER = f"{AWS}/sagemaker/latest/APIReference"

CASES = [
    case(
        "projects that do not exist are listed",
        f"{_BUILD}/API_BatchGetProjects.html",
        call("codebuild.batch_get_projects", names=["<name>"]),
        gives={"projects": [], "projectsNotFound": ["<name>"]},
    ),
    case(
        "builds that do not exist are listed",
        f"{_BUILD}/API_BatchGetBuilds.html",
        call("codebuild.batch_get_builds", ids=["<name>:1"]),
        gives={"builds": [], "buildsNotFound": ["<name>:1"]},
    ),
    case(
        "a project that does not exist starts no build",
        f"{_BUILD}/API_StartBuild.html",
        call("codebuild.start_build", projectName="<name>"),
        error="ResourceNotFoundException: ",
    ),
    case(
        "a project's name has none of the characters that its pattern excludes",
        "botocore: codebuild CreateProject.name",
        call(
            "codebuild.create_project",
            name="a b",
            source={"type": "NO_SOURCE"},
            artifacts={"type": "NO_ARTIFACTS"},
            environment={"type": "LINUX_CONTAINER", "image": "aws/codebuild/standard:7.0", "computeType": "BUILD_GENERAL1_SMALL"},
            serviceRole="arn:aws:iam::<account>:role/r",
        ),
        error="InvalidInputException: ",
    ),
    case(
        "a compute type is one of CodeBuild's",
        "botocore: codebuild ProjectEnvironment.computeType",
        call(
            "codebuild.create_project",
            name="<name>",
            source={"type": "NO_SOURCE"},
            artifacts={"type": "NO_ARTIFACTS"},
            environment={"type": "LINUX_CONTAINER", "image": "aws/codebuild/standard:7.0", "computeType": "HUGE"},
            serviceRole="arn:aws:iam::<account>:role/r",
        ),
        error="InvalidInputException: 1 validation error detected: Value 'HUGE' at 'environment.computeType'",
    ),
    case(
        "a webhook",
        f"{_BUILD}/API_CreateWebhook.html",
        call("codebuild.create_webhook", projectName="<name>"),
        refused="The local AWS does not honour codebuild:CreateWebhook.",
    ),
    case(
        "a pipeline that does not exist",
        f"{_PIPELINE}/API_GetPipeline.html",
        call("codepipeline.get_pipeline", name="<name>"),
        error="PipelineNotFoundException: ",
    ),
    case(
        "an execution of a pipeline that does not exist",
        f"{_PIPELINE}/API_StartPipelineExecution.html",
        call("codepipeline.start_pipeline_execution", name="<name>"),
        error="PipelineNotFoundException: ",
    ),
    case(
        "a pipeline's name has none of the characters that its pattern excludes",
        "botocore: codepipeline GetPipeline.name",
        call("codepipeline.get_pipeline", name="a b"),
        error="ValidationException: 1 validation error detected: Value 'a b' at 'name'",
    ),
    case(
        "an action type of one's own",
        f"{_PIPELINE}/API_CreateCustomActionType.html",
        call(
            "codepipeline.create_custom_action_type",
            category="Build",
            provider="p",
            version="1",
            inputArtifactDetails={"minimumCount": 0, "maximumCount": 0},
            outputArtifactDetails={"minimumCount": 0, "maximumCount": 0},
        ),
        refused="The local AWS does not honour codepipeline:CreateCustomActionType.",
    ),
    case(
        "a connection that does not exist",
        f"{_CONNECTIONS}/API_GetConnection.html",
        call(
            "codeconnections.get_connection",
            ConnectionArn="arn:aws:codeconnections:us-east-1:<account>:connection/11111111-2222-3333-4444-555555555555",
        ),
        error="ResourceNotFoundException: ",
    ),
    case(
        "a provider is one of CodeConnections'",
        "botocore: codeconnections CreateConnection.ProviderType",
        call("codeconnections.create_connection", ConnectionName="<name>", ProviderType="Svn"),
        error="ValidationException: 1 validation error detected: Value 'Svn' at 'providerType'",
    ),
    case(
        "a training job that does not exist",
        "https://github.com/aws/aws-sdk/issues/165",
        call("sagemaker.describe_training_job", TrainingJobName="<name>"),
        error="ValidationException: Requested resource not found.",
    ),
    case(
        "a job's name has no underscore",
        "botocore: sagemaker DescribeTrainingJob.TrainingJobName",
        call("sagemaker.describe_training_job", TrainingJobName="a_b"),
        error="ValidationException: 1 validation error detected: Value 'a_b' at 'trainingJobName'",
    ),
    case(
        "a page holds at most 100 jobs",
        "botocore: sagemaker ListTrainingJobs.MaxResults",
        call("sagemaker.list_training_jobs", MaxResults=101),
        error="ValidationException: 1 validation error detected: Value '101' at 'maxResults'",
    ),
    case(
        "an endpoint that does not exist",
        "https://github.com/aws/amazon-sagemaker-examples/issues/2402",
        call("sagemaker.describe_endpoint", EndpointName="<name>"),
        error='ValidationException: Could not find endpoint "arn:aws:sagemaker:us-east-1:<account>:endpoint/<name>".',
    ),
    case(
        "an endpoint that does not exist answers nothing",
        "https://github.com/aws/amazon-sagemaker-examples/issues/293",
        call("sagemaker-runtime.invoke_endpoint", EndpointName="<name>", Body=b"1"),
        error="ValidationError: Endpoint <name> of account <account> not found.",
    ),
    case(
        "a configuration that does not exist makes no endpoint",
        f"{_SAGEMAKER}/API_CreateEndpoint.html",
        call("sagemaker.create_endpoint", EndpointName="<name>", EndpointConfigName="<name>"),
        error="ValidationException: Could not find endpoint configuration",
    ),
    case(
        "a notebook instance",
        f"{_SAGEMAKER}/API_CreateNotebookInstance.html",
        call(
            "sagemaker.create_notebook_instance",
            NotebookInstanceName="n",
            InstanceType="ml.t3.medium",
            RoleArn="arn:aws:iam::<account>:role/r",
        ),
        refused="The local AWS does not honour sagemaker:CreateNotebookInstance.",
    ),
    case(
        "a feature group",
        f"{_SAGEMAKER}/API_CreateFeatureGroup.html",
        call("sagemaker.list_feature_groups"),
        refused="The local AWS does not honour sagemaker:ListFeatureGroups.",
    ),
    case(
        "functions",
        f"{AWS}/lambda/latest/api/API_ListFunctions.html",
        call("lambda.list_functions"),
        refused="The local AWS does not honour the service lambda.",
    ),
    case(
        "queues",
        f"{AWS}/AWSSimpleQueueService/latest/APIReference/API_ListQueues.html",
        call("sqs.list_queues"),
        refused="The local AWS does not honour the service sqs.",
    ),
]
