//! One work team, and what the service asks of its members.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::answer::{Refusal, present, seconds};
use crate::settings::Owner;

#[derive(Debug, Clone)]
pub(crate) struct Team {
    pub name: String,
    pub arn: String,
    pub description: Value,
    pub members: Value,
    /// `NotificationConfiguration` as it was sent.
    pub notifications: Value,
    pub worker_access: Value,
    pub created: Timestamp,
    pub updated: Timestamp,
    /// The host of the portal where workers begin.
    portal: String,
    workforce: String,
}

impl Team {
    /// A team as `CreateWorkteam` asks for it.
    pub fn new(request: &Value, owner: &Owner, now: Timestamp) -> Result<Self, Refusal> {
        // The model has made sure that the required members are there.
        let name = request["WorkteamName"].as_str().unwrap_or_default().to_owned();
        let workforce = request["WorkforceName"].as_str().unwrap_or("default");
        let mut team = Self {
            arn: owner.arn(&format!("workteam/private-crowd/{name}")),
            portal: format!("{}.labeling.{}.sagemaker.aws", portal_of(&owner.account), owner.region),
            workforce: owner.arn(&format!("workforce/private-crowd/{workforce}")),
            name,
            description: Value::Null,
            members: Value::Null,
            notifications: Value::Null,
            worker_access: Value::Null,
            created: now,
            updated: now,
        };
        team.change(request, now)?;
        Ok(team)
    }

    /// Takes over what the request names; members are replaced as a whole.
    pub fn change(&mut self, request: &Value, now: Timestamp) -> Result<(), Refusal> {
        check_members(&request["MemberDefinitions"])?;
        check_access(&request["WorkerAccessConfiguration"])?;
        for (standing, member) in [
            (&mut self.description, "Description"),
            (&mut self.members, "MemberDefinitions"),
            (&mut self.notifications, "NotificationConfiguration"),
            (&mut self.worker_access, "WorkerAccessConfiguration"),
        ] {
            if let Some(value) = request.get(member).filter(|value| !value.is_null()) {
                *standing = value.clone();
            }
        }
        self.updated = now;
        Ok(())
    }

    pub fn topic(&self) -> Option<&str> {
        self.notifications["NotificationTopicArn"].as_str().filter(|arn| !arn.is_empty())
    }

    /// `Workteam`, as Describe, List and Update show it.
    pub fn view(&self) -> Value {
        present([
            ("WorkteamName", json!(self.name)),
            ("MemberDefinitions", self.members.clone()),
            ("WorkteamArn", json!(self.arn)),
            ("WorkforceArn", json!(self.workforce)),
            ("Description", self.description.clone()),
            ("SubDomain", json!(self.portal)),
            ("CreateDate", json!(seconds(self.created))),
            ("LastUpdatedDate", json!(seconds(self.updated))),
            ("NotificationConfiguration", self.notifications.clone()),
            ("WorkerAccessConfiguration", self.worker_access.clone()),
        ])
    }
}

/// One portal for all private teams of an account and Region: ten letters, the same in every run.
fn portal_of(account: &str) -> String {
    account.bytes().take(10).map(|digit| char::from(b'a' + digit % 26)).collect()
}

/// "You can only specify one kind of members", and those of Cognito share one user pool and one client.
fn check_members(members: &Value) -> Result<(), Refusal> {
    let members = members.as_array().map(Vec::as_slice).unwrap_or_default();
    let cognito: Vec<&Value> = members.iter().filter_map(|member| member.get("CognitoMemberDefinition")).collect();
    let oidc = members.iter().filter(|member| member.get("OidcMemberDefinition").is_some()).count();
    if cognito.len() + oidc != members.len() || (oidc > 0 && !cognito.is_empty()) {
        return Err(Refusal::validation(
            "Each MemberDefinition must have exactly one of CognitoMemberDefinition and OidcMemberDefinition, and all of \
             a request must have the same.",
        ));
    }
    let differ = |member: &str| cognito.windows(2).any(|pair| pair[0][member] != pair[1][member]);
    if differ("UserPool") || differ("ClientId") {
        return Err(Refusal::validation("All CognitoMemberDefinitions must have the same UserPool and ClientId."));
    }
    Ok(())
}

fn check_access(access: &Value) -> Result<(), Refusal> {
    let constraints = &access["S3Presign"]["IamPolicyConstraints"];
    if constraints.get("SourceIp").is_some() && constraints.get("VpcSourceIp").is_some() {
        return Err(Refusal::validation("Only one of SourceIp and VpcSourceIp can be specified."));
    }
    Ok(())
}
