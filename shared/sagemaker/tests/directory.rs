//! The cache of the work team directory.
#![allow(clippy::unwrap_used, reason = "tests")]

use jiff::Timestamp;
use maintenance::workteam::ObservedWorkteam;
use sagemaker::workteams::WorkteamDirectory;
use support::{MemoryWorkteams, observed_team};

#[tokio::test]
async fn teams_are_cached_and_listed_again_for_unknown_ones() {
    let workteams = MemoryWorkteams::default();
    workteams
        .teams
        .update(|teams| teams.extend([observed_team("a", Some("topic")), observed_team("b", Some("topic"))]));
    let directory = WorkteamDirectory::new(workteams.clone(), || Timestamp::UNIX_EPOCH);
    let names = |teams: Vec<ObservedWorkteam>| teams.into_iter().map(|team| team.name).collect::<Vec<_>>();
    for _ in 0..3 {
        assert_eq!(names(directory.find_teams_by_topic("topic").await.unwrap()), ["a", "b"]);
    }
    assert_eq!(*workteams.listed.read(), 1);
    workteams.teams.push(observed_team("c", Some("new")));
    assert_eq!(names(directory.find_teams_by_topic("new").await.unwrap()), ["c"]);
    assert_eq!(*workteams.listed.read(), 2);
    assert!(directory.find_teams_by_topic("unused").await.unwrap().is_empty());
    directory.clear_cache();
    let arn = observed_team("b", None).arn;
    assert_eq!(directory.find_team_by_arn(&arn).await.unwrap().unwrap().name, "b");
    assert_eq!(*workteams.listed.read(), 4);
}
