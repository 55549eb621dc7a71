//! Reads the stack: its outputs, its parameters and its resources.

use aws_config::SdkConfig;
use worker::{CallError, CallErrorKind};

use super::{
    signed_call::{ServiceName, UnsignedRequest, call_operation},
    xml::XmlElement,
};
use crate::{error::CliError, stack_description::StackDescription};

const CLOUDFORMATION: ServiceName =
    ServiceName { host: "cloudformation", signing: "cloudformation", setting: "CLOUDFORMATION" };
const STS: ServiceName = ServiceName { host: "sts", signing: "sts", setting: "STS" };

/// Versions of the query APIs.
const CLOUDFORMATION_VERSION: &str = "2010-05-15";
const STS_VERSION: &str = "2011-06-15";

/// A resource of a stack.
#[derive(Debug, Clone)]
pub(crate) struct StackResource {
    /// Its name in the template.
    pub logical_id: String,
    pub physical_id: String,
    /// Such as `AWS::Events::Rule`.
    pub kind: String,
}

impl StackDescription {
    /// Describes the stack with this name.
    pub async fn load(config: &SdkConfig, name: &str) -> Result<Self, CliError> {
        let request = UnsignedRequest::query("DescribeStacks", CLOUDFORMATION_VERSION, &[("StackName", name)]);
        let response = call_operation(config, CLOUDFORMATION, "DescribeStacks", request).await;
        // CloudFormation has no code of its own for a stack that does not exist.
        let response = response.map_err(|error| match error.code() {
            Some("ValidationError") if error.message.contains("does not exist") => CliError::UnknownStack {
                stack: name.to_owned(),
                region: config.region().map(ToString::to_string).unwrap_or_default(),
            },
            _ => error.into(),
        })?;
        Ok(Self::parse("DescribeStacks", &response)?)
    }

    fn parse(operation: &'static str, response: &[u8]) -> Result<Self, CallError> {
        let unreadable = |cause: String| CallError::new(operation, CallErrorKind::Invalid, cause);
        let root = XmlElement::parse(response).map_err(|error| unreadable(error.to_string()))?;
        let stacks = root.select(&["DescribeStacksResult", "Stacks", "member"]);
        let stack = stacks.first().ok_or_else(|| unreadable("the response contains no stack".to_owned()))?;
        let read_pairs = |list: &str, key: &str, value: &str| {
            let pairs = stack.select(&[list, "member"]);
            pairs.iter().filter_map(|pair| Some((pair.find_text(&[key])?, pair.find_text(&[value])?))).collect()
        };
        Ok(Self {
            name: stack.find_text(&["StackName"]).unwrap_or_default(),
            arn: stack.find_text(&["StackId"]).unwrap_or_default(),
            outputs: read_pairs("Outputs", "OutputKey", "OutputValue"),
            parameters: read_pairs("Parameters", "ParameterKey", "ParameterValue"),
        })
    }

    /// Lists the resources of the stack.
    pub async fn list_resources(&self, config: &SdkConfig) -> Result<Vec<StackResource>, CallError> {
        const OPERATION: &str = "ListStackResources";
        let (mut resources, mut token) = (Vec::new(), None::<String>);
        loop {
            let mut parameters = vec![("StackName", self.name.as_str())];
            parameters.extend(token.as_deref().map(|token| ("NextToken", token)));
            let request = UnsignedRequest::query(OPERATION, CLOUDFORMATION_VERSION, &parameters);
            let response = call_operation(config, CLOUDFORMATION, OPERATION, request).await?;
            let root = XmlElement::parse(&response)
                .map_err(|error| CallError::new(OPERATION, CallErrorKind::Invalid, error.to_string()))?;
            let listed = root.select(&["ListStackResourcesResult", "StackResourceSummaries", "member"]);
            resources.extend(listed.into_iter().filter_map(|resource| {
                Some(StackResource {
                    logical_id: resource.find_text(&["LogicalResourceId"])?,
                    physical_id: resource.find_text(&["PhysicalResourceId"])?,
                    kind: resource.find_text(&["ResourceType"])?,
                })
            }));
            token = root.find_text(&["ListStackResourcesResult", "NextToken"]);
            if token.is_none() {
                return Ok(resources);
            }
        }
    }
}

/// Returns the account of the credentials.
pub(crate) async fn read_account(config: &SdkConfig) -> Result<String, CallError> {
    const OPERATION: &str = "GetCallerIdentity";
    let response = call_operation(config, STS, OPERATION, UnsignedRequest::query(OPERATION, STS_VERSION, &[])).await?;
    let account =
        XmlElement::parse(&response).ok().and_then(|root| root.find_text(&["GetCallerIdentityResult", "Account"]));
    account.ok_or_else(|| CallError::new(OPERATION, CallErrorKind::Invalid, "the response contains no account"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_and_parameters_are_read() {
        let response = b"<DescribeStacksResponse><DescribeStacksResult><Stacks><member>
            <StackName>automation</StackName>
            <StackId>arn:aws:cloudformation:eu-west-1:123456789012:stack/automation/1</StackId>
            <Parameters><member><ParameterKey>EventBusName</ParameterKey><ParameterValue/></member>
            <member><ParameterKey>ConfigKey</ParameterKey><ParameterValue>a.yaml</ParameterValue></member></Parameters>
            <Outputs><member><OutputKey>LedgerTableName</OutputKey><OutputValue>t</OutputValue></member></Outputs>
            </member></Stacks></DescribeStacksResult></DescribeStacksResponse>";
        let stack = StackDescription::parse("DescribeStacks", response).unwrap();
        assert_eq!((stack.name.as_str(), stack.account()), ("automation", Some("123456789012")));
        assert_eq!(stack.outputs["LedgerTableName"], "t");
        assert_eq!(stack.parameters.into_iter().collect::<Vec<_>>(), [("ConfigKey".to_owned(), "a.yaml".to_owned())]);
        assert!(StackDescription::parse("DescribeStacks", b"<DescribeStacksResponse/>").is_err());
    }
}
