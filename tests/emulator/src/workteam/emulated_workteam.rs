//! A work team, and the validation of its members.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    answer::{ServiceError, build_object, epoch_seconds},
    settings::Owner,
};

#[derive(Debug, Clone)]
pub(crate) struct EmulatedWorkteam {
    pub name: String,
    pub arn: String,
    pub description: Value,
    pub members: Value,
    /// `NotificationConfiguration` from the request.
    pub notifications: Value,
    pub worker_access: Value,
    pub created: Timestamp,
    pub updated: Timestamp,
    /// Host name of the worker portal.
    portal: String,
    workforce: String,
}

impl EmulatedWorkteam {
    /// Creates a work team from a `CreateWorkteam` request.
    pub fn new(request: &Value, owner: &Owner, now: Timestamp) -> Result<Self, ServiceError> {
        // The check against the service model guarantees that required members are present.
        let name = request["WorkteamName"].as_str().unwrap_or_default().to_owned();
        let workforce = request["WorkforceName"].as_str().unwrap_or("default");
        let mut team = Self {
            arn: owner.build_arn(&format!("workteam/private-crowd/{name}")),
            portal: format!("{}.labeling.{}.sagemaker.aws", portal_name(&owner.account), owner.region),
            workforce: owner.build_arn(&format!("workforce/private-crowd/{workforce}")),
            name,
            description: Value::Null,
            members: Value::Null,
            notifications: Value::Null,
            worker_access: Value::Null,
            created: now,
            updated: now,
        };
        team.apply_request(request, now)?;
        Ok(team)
    }

    /// Copies the members that are present in the request. `MemberDefinitions` is replaced as a
    /// whole.
    pub fn apply_request(&mut self, request: &Value, now: Timestamp) -> Result<(), ServiceError> {
        check_members(&request["MemberDefinitions"])?;
        check_access(&request["WorkerAccessConfiguration"])?;
        for (current, member) in [
            (&mut self.description, "Description"),
            (&mut self.members, "MemberDefinitions"),
            (&mut self.notifications, "NotificationConfiguration"),
            (&mut self.worker_access, "WorkerAccessConfiguration"),
        ] {
            if let Some(value) = request.get(member).filter(|value| !value.is_null()) {
                *current = value.clone();
            }
        }
        self.updated = now;
        Ok(())
    }

    pub fn topic_arn(&self) -> Option<&str> {
        self.notifications["NotificationTopicArn"].as_str().filter(|arn| !arn.is_empty())
    }

    /// `Workteam` in the responses of Describe, List and Update.
    pub fn to_description(&self) -> Value {
        build_object([
            ("WorkteamName", json!(self.name)),
            ("MemberDefinitions", self.members.clone()),
            ("WorkteamArn", json!(self.arn)),
            ("WorkforceArn", json!(self.workforce)),
            ("Description", self.description.clone()),
            ("SubDomain", json!(self.portal)),
            ("CreateDate", json!(epoch_seconds(self.created))),
            ("LastUpdatedDate", json!(epoch_seconds(self.updated))),
            ("NotificationConfiguration", self.notifications.clone()),
            ("WorkerAccessConfiguration", self.worker_access.clone()),
        ])
    }
}

/// The subdomain of the worker portal that all private work teams of an account and Region share:
/// ten letters, the same in every run.
fn portal_name(account: &str) -> String {
    account.bytes().take(10).map(|digit| char::from(b'a' + digit % 26)).collect()
}

/// "You can only specify one kind of members". Amazon Cognito members must also share one user pool
/// and one client.
fn check_members(members: &Value) -> Result<(), ServiceError> {
    let members = members.as_array().map(Vec::as_slice).unwrap_or_default();
    let cognito: Vec<&Value> = members.iter().filter_map(|member| member.get("CognitoMemberDefinition")).collect();
    let oidc = members.iter().filter(|member| member.get("OidcMemberDefinition").is_some()).count();
    if cognito.len() + oidc != members.len() || (oidc > 0 && !cognito.is_empty()) {
        return Err(ServiceError::validation_exception(
            "Each MemberDefinition must have exactly one of CognitoMemberDefinition and OidcMemberDefinition, and all of \
             a request must have the same.",
        ));
    }
    let differ = |member: &str| cognito.windows(2).any(|pair| pair[0][member] != pair[1][member]);
    if differ("UserPool") || differ("ClientId") {
        return Err(ServiceError::validation_exception(
            "All CognitoMemberDefinitions must have the same UserPool and ClientId.",
        ));
    }
    Ok(())
}

fn check_access(access: &Value) -> Result<(), ServiceError> {
    let constraints = &access["S3Presign"]["IamPolicyConstraints"];
    if constraints.get("SourceIp").is_some() && constraints.get("VpcSourceIp").is_some() {
        return Err(ServiceError::validation_exception("Only one of SourceIp and VpcSourceIp can be specified."));
    }
    Ok(())
}
