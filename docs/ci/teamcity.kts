// .teamcity/settings.kts - an AWS connection of the project gives the credentials (build feature "AWS Credentials").
import jetbrains.buildServer.configs.kotlin.*
import jetbrains.buildServer.configs.kotlin.buildFeatures.provideAwsCredentials
import jetbrains.buildServer.configs.kotlin.buildSteps.script

version = "2025.03"

project {
    params {
        param("env.YOUR_INITIALS", "abc")
        param("env.EXECUTION_ROLE", "arn:aws:iam::123456789012:role/model-training")
        param("env.TUNE", "notebook")
        param("env.GATE_METRIC", "notebook")
        param("env.MIN_MATCH_RATE", "notebook")
        param("env.GATE_REQUIRED", "notebook")
        param("env.GATE_MARGIN", "notebook")
        param("env.GATE_CONFIDENCE", "notebook")
        param("env.GATE_ON_INCONCLUSIVE", "notebook")
        param("env.GATE_SLICES", "notebook")
        param("env.TRAIN_INSTANCE_TYPE", "notebook")
        param("env.TRAIN_SPOT", "notebook")
        param("env.SUBNET_IDS", "none")
        param("env.SECURITY_GROUP_IDS", "none")
        param("env.ENDPOINT_INSTANCE_TYPE", "notebook")
        param("env.SAGEMAKER_VALIDATE_ROLE", "false")
        param("env.WHY", "started as build %teamcity.build.id% by %teamcity.build.triggeredBy%")
        param("env.EVIDENCE", "s3://abc-ml-id-lab/executed/%teamcity.build.id%")
    }
    buildType(Qa)
    buildType(Production)
}

object Qa : BuildType({
    name = "Build, train, QA"
    vcs { root(DslContext.settingsRoot) }
    artifactRules = "executed => executed\nhandoff => handoff\nCloudFormation => CloudFormation"
    features { provideAwsCredentials { awsConnectionId = "model_builds" } }
    steps {
        script { scriptContent = """make build-environment""" }
        script { scriptContent = """.venv/bin/mlkit run prep train --evidence "${'$'}EVIDENCE/"""" }
        script { scriptContent = """.venv/bin/mlkit deploy qa""" }
        script { scriptContent = """.venv/bin/mlkit run test -p environment qa --evidence "${'$'}EVIDENCE/qa/"""" }
        script {
            scriptContent = """.venv/bin/mlkit undeploy qa --your-initials "${'$'}YOUR_INITIALS""""
            executionMode = BuildStep.ExecutionMode.ALWAYS
        }
    }
})

// Started by hand: whoever may start it approves.
object Production : BuildType({
    name = "Production"
    type = BuildTypeSettings.Type.DEPLOYMENT
    vcs { root(DslContext.settingsRoot) }
    dependencies { dependency(Qa) { snapshot {}; artifacts { artifactRules = "handoff => handoff\nCloudFormation => CloudFormation" } } }
    features { provideAwsCredentials { awsConnectionId = "model_builds" } }
    steps {
        script { scriptContent = """make build-environment""" }
        script { scriptContent = """.venv/bin/mlkit deploy production --reason "${'$'}WHY"""" }
        script { scriptContent = """.venv/bin/mlkit run test -p environment production --evidence "${'$'}EVIDENCE/production/"""" }
    }
})
