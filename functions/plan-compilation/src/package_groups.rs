//! Plans the approved versions of model package groups.
//!
//! An event only says that a version may have been approved: what is approved is then read from the
//! list of the group. The same lists are read from time to time, the least recently read first, so
//! that an event that never arrives delays and loses nothing (level-triggered reconciliation).
//!
//! A rule compiles the newest version that is approved when the rule becomes active, and each version
//! that is approved later. The ledger therefore records which versions of a group need nothing more.
//! A version is recorded after it was planned: after a crash in between, it is planned again, which
//! changes nothing.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use automation::{event::ModelPackageState, objects::Objects};
use ledger::{LedgerTable, PackageRule, PackageVersions};
use model_archive::Problem;
use neo::{CompilationConfig, CompilationRule, ModelSource, PackageGroupPattern};
use notifications::{Channel, Notification};
use sagemaker::model_packages::{ApprovedVersion, ModelPackages};
use tracing::{info, warn};
use worker::{CallError, Failure, queue::Sender};

use crate::Planner;

/// Model package groups that a rule may apply to.
const MAX_GROUPS: usize = 50;

/// Groups whose versions are listed in one run: SageMaker accepts about two list calls a second
/// (aws-solutions/deepracer-on-aws issue 87).
const MAX_GROUPS_PER_RUN: usize = 10;

/// Versions of a group that are planned in one run: the next one continues.
const MAX_PLANS: usize = 100;

/// No group begins later in a run, which the search for uploads precedes.
const MAX_RUN: Duration = Duration::from_secs(30);

/// Pause between the pages of the list of groups.
const PAGE_PAUSE: Duration = Duration::from_millis(500);

/// Pages of 100 groups that are read, newest first: more groups than this are not known to rules with a glob.
const MAX_GROUP_PAGES: usize = 20;

/// Pages of 100 versions of a group that are read, newest first.
const MAX_VERSION_PAGES: usize = 10;

/// The result of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct PackageSearch {
    /// Groups whose versions were listed.
    pub groups: usize,
    /// Versions that were planned.
    pub planned: usize,
    /// Rules for too many groups, and groups that do not exist or that SageMaker does not list.
    pub problems: usize,
}

/// A group, and the rule that applies to it.
struct RuleGroup<'a> {
    rule: &'a CompilationRule,
    /// Its name, or the ARN that the rule names.
    group: String,
    known: PackageRule,
}

impl RuleGroup<'_> {
    fn name(&self) -> &str {
        neo::group_name(&self.group)
    }
}

impl<O: Objects, T: LedgerTable, N: Channel, Q: Sender, P: ModelPackages> Planner<O, T, N, Q, P> {
    /// Plans what is approved in the group of a version whose approval status changed.
    pub(crate) async fn plan_changed_package(&self, state: &ModelPackageState) -> Result<(), Failure> {
        let Some(config) = self.config.load_or_report(&self.notifier, (self.clock)()).await? else {
            info!("Model package not planned: there is no valid configuration");
            return Ok(());
        };
        let compilation = &config.document.compilation;
        let Some(rule) = compilation.find_group_rule(&state.group) else {
            info!(package = state.arn, "Model package skipped: no rule matches its group");
            return Ok(());
        };
        let rules = self.ledger.open_package_rules(&name_groups(compilation)).await?;
        let Some(known) = rules.into_iter().find(|known| known.name == rule.name && !known.has_too_many_groups) else {
            info!(package = state.arn, rule = rule.name, "Model package skipped: its rule matches too many groups");
            return Ok(());
        };
        let group = match rule.package_groups() {
            Some(PackageGroupPattern::Group(group)) => group.clone(),
            _ => state.group.clone(),
        };
        let matched = RuleGroup { rule, group, known };
        self.plan_group(compilation, &matched, Some(state)).await.map(drop)
    }

    /// Plans what is approved in the groups of all rules, as far as one run goes: those first that
    /// were not checked for the longest time.
    pub(crate) async fn plan_approved_packages(&self, search: &mut PackageSearch) -> Result<(), Failure> {
        let Some(config) = self.config.load_or_report(&self.notifier, (self.clock)()).await? else { return Ok(()) };
        let started = Instant::now();
        let compilation = &config.document.compilation;
        let rules = self.ledger.open_package_rules(&name_groups(compilation)).await?;
        let (groups, mut results) = self.find_rule_groups(compilation, rules, config.version(), search).await?;
        let mut waiting = Vec::with_capacity(groups.len());
        for group in groups {
            let row = self.ledger.find_package_group(group.name()).await?;
            waiting.push((row.map(|row| row.checked_at), group));
        }
        waiting.sort_by_key(|(checked_at, _)| *checked_at);
        for (_, group) in waiting.into_iter().take(MAX_GROUPS_PER_RUN) {
            if started.elapsed() > MAX_RUN {
                break;
            }
            search.groups += 1;
            match self.plan_group(compilation, &group, None).await {
                Ok(Ok(planned)) => search.planned += planned,
                Ok(Err(problem)) => {
                    search.problems += 1;
                    results.push(self.report_rule_problem(group.rule, problem, config.version()).await);
                }
                // The group remains the one that was not checked for the longest time.
                Err(Failure::Deferred { cause, backoff }) => {
                    results.push(Err(Failure::Deferred { cause, backoff }));
                    break;
                }
                Err(failure) => results.push(Err(failure)),
            }
        }
        Failure::merge_results(results)
    }

    /// The groups of all rules, each with the first rule that matches it. Rules that match too many
    /// groups are reported.
    async fn find_rule_groups<'a>(
        &self,
        compilation: &'a CompilationConfig,
        mut rules: Vec<PackageRule>,
        version: Option<&str>,
        search: &mut PackageSearch,
    ) -> Result<(Vec<RuleGroup<'a>>, Vec<Result<(), Failure>>), Failure> {
        let with_groups = || compilation.rules.iter().filter_map(|rule| Some((rule, rule.package_groups()?)));
        let has_glob = with_groups().any(|(_, pattern)| matches!(pattern, PackageGroupPattern::Glob(_)));
        let listed = if has_glob { self.list_all_groups().await } else { Ok(Vec::new()) };
        let (mut groups, mut results, mut too_many) = (Vec::new(), Vec::new(), BTreeSet::new());
        for (rule, pattern) in with_groups() {
            let matched: Vec<_> = match pattern {
                PackageGroupPattern::Group(group) => vec![group.clone()],
                PackageGroupPattern::Glob(pattern) => match &listed {
                    Ok(all) => all.iter().filter(|group| pattern.is_match(group)).cloned().collect(),
                    Err(error) if error.kind.is_refusal() => {
                        search.problems += 1;
                        results.push(self.report_rule_problem(rule, refused_groups(rule, error), version).await);
                        continue;
                    }
                    Err(_) => continue,
                },
            };
            if matched.len() > MAX_GROUPS {
                search.problems += 1;
                too_many.insert(rule.name.clone());
                results.push(self.report_rule_problem(rule, too_many_groups(pattern, &matched), version).await);
                continue;
            }
            let is_first = |group: &String| {
                compilation.find_group_rule(neo::group_name(group)).is_some_and(|first| first.name == rule.name)
            };
            groups.extend(matched.into_iter().filter(is_first).map(|group| (rule, group)));
        }
        match listed {
            Ok(_) => rules = self.ledger.mark_package_rules(&too_many).await?,
            Err(error) if error.kind.is_refusal() => {}
            Err(error) => results.push(Err(error.into())),
        }
        let groups = groups.into_iter().filter_map(|(rule, group)| {
            let known = rules.iter().find(|known| known.name == rule.name)?.clone();
            Some(RuleGroup { rule, group, known })
        });
        Ok((groups.collect(), results))
    }

    /// Plans the approved versions of a group that were not planned yet. Returns their number, or why
    /// they are not known. `changed` is the version that the event is about.
    async fn plan_group(
        &self,
        compilation: &CompilationConfig,
        matched: &RuleGroup<'_>,
        changed: Option<&ModelPackageState>,
    ) -> Result<Result<usize, Problem>, Failure> {
        let RuleGroup { rule, group, .. } = matched;
        let listed = match self.list_all_approved(group).await {
            Err(error) if !error.kind.is_refusal() => return Err(error.into()),
            listed => listed,
        };
        self.ledger.record_group_check(matched.name(), (self.clock)()).await?;
        let approved = match listed {
            Ok(Some(approved)) => approved,
            // All versions of a group that is created later are approved later.
            Ok(None) => {
                self.open_group(matched, &[]).await?;
                return Ok(Err(missing_group(rule, group)));
            }
            Err(error) => return Ok(Err(refused_group(rule, group, &error))),
        };
        let mut versions = self.open_group(matched, &approved).await?;
        let is_changed = versions.planned.as_ref().is_some_and(|planned| {
            let (source, _) = self.build_package_plan(compilation, rule, &planned.model_package_version_arn);
            source.version() != planned.version
        });
        let newest = approved.last().map(|newest| newest.number);
        if is_changed && let Some(newest) = newest {
            versions.handled.remove(&newest);
        }
        // The list does not say when a version was approved; the event does.
        let known_times = matched.known.unchanged_since..=versions.opened_at;
        if let Some(changed) = changed
            && changed.changed_at.is_some_and(|at| known_times.contains(&at))
            && let Some(version) = approved.iter().find(|known| known.arn.as_str().eq_ignore_ascii_case(&changed.arn))
        {
            versions.handled.remove(&version.number);
        }
        let (mut results, mut count) = (Vec::new(), 0);
        for ApprovedVersion { arn, number, .. } in &approved {
            if versions.handled.contains(number) {
                continue;
            }
            if results.len() == MAX_PLANS {
                break;
            }
            let (source, plan) = self.build_package_plan(compilation, rule, arn);
            let planned = self.plan_model_package(source.clone(), rule, &plan, compilation.max_jobs_per_day).await;
            if planned.is_ok()
                && let ModelSource::Package(package) = source
            {
                info!(package = arn.as_str(), rule = rule.name, "Approved model package planned");
                count += 1;
                versions.handled.insert(*number);
                // An older version does not show that the newest was planned with the changed rule.
                if newest == Some(*number) {
                    versions.planned = Some(package);
                }
            }
            results.push(planned);
        }
        self.ledger.record_package_versions(matched.name(), &versions).await?;
        Failure::merge_results(results)?;
        Ok(Ok(count))
    }

    /// What is known about the versions of a group. When a rule sees it first, all versions that were
    /// registered before the rule applied to it need nothing, except the newest.
    async fn open_group(
        &self,
        matched: &RuleGroup<'_>,
        approved: &[ApprovedVersion],
    ) -> Result<PackageVersions, CallError> {
        let RuleGroup { rule, known: PackageRule { active_since, unchanged_since, .. }, .. } = matched;
        let known = self.ledger.find_package_group(matched.name()).await?.and_then(|row| row.versions);
        let is_own = |known: &PackageVersions| known.rule == rule.name && known.active_since == *active_since;
        if let Some(versions) = known.filter(is_own) {
            return Ok(versions);
        }
        let older = &approved[..approved.len().saturating_sub(1)];
        let earlier = older.iter().filter(|version| version.created_at < *unchanged_since);
        let handled = earlier.map(|version| version.number).collect();
        let versions = PackageVersions {
            rule: rule.name.clone(),
            active_since: *active_since,
            opened_at: (self.clock)(),
            handled,
            planned: None,
        };
        self.ledger.record_package_versions(matched.name(), &versions).await?;
        Ok(versions)
    }

    async fn list_all_groups(&self) -> Result<Vec<String>, CallError> {
        let (mut groups, mut page) = (Vec::new(), None);
        for _ in 0..MAX_GROUP_PAGES {
            let listed = self.packages.list_groups(page).await?;
            groups.extend(listed.groups);
            page = listed.next;
            if page.is_none() {
                return Ok(groups);
            }
            tokio::time::sleep(PAGE_PAUSE).await;
        }
        warn!(groups = groups.len(), "Model package groups not listed completely: there are too many");
        Ok(groups)
    }

    /// The approved versions of a group, the oldest first; `None` if there is no such group.
    async fn list_all_approved(&self, group: &str) -> Result<Option<Vec<ApprovedVersion>>, CallError> {
        let (mut versions, mut page) = (Vec::new(), None);
        for _ in 0..MAX_VERSION_PAGES {
            let Some(listed) = self.packages.list_approved(group, page).await? else { return Ok(None) };
            versions.extend(listed.versions);
            page = listed.next;
            if page.is_none() {
                break;
            }
        }
        versions.sort_by_key(|version| version.number);
        Ok(Some(versions))
    }

    /// Reports a problem of a rule, once per version of the configuration.
    async fn report_rule_problem(
        &self,
        rule: &CompilationRule,
        problem: Problem,
        version: Option<&str>,
    ) -> Result<(), Failure> {
        warn!(rule = rule.name, problem = problem.problem, "Rule for model package groups not applied");
        let notification = Notification::rule_rejected(&rule.name, problem, version, (self.clock)());
        self.notifier.publish_once(&notification).await
    }
}

/// The name of each rule for groups, and what it names.
fn name_groups(compilation: &CompilationConfig) -> Vec<(String, String)> {
    let named = compilation.rules.iter().filter_map(|rule| Some((rule, rule.package_groups()?)));
    named.map(|(rule, groups)| (rule.name.clone(), groups.as_str().to_owned())).collect()
}

fn missing_group(rule: &CompilationRule, group: &str) -> Problem {
    Problem::new(
        "package-group-missing",
        format!("there is no model package group `{group}` in the account and Region of the stack"),
        format!("create the group, or correct model_package_group in rule `{}`", rule.name),
    )
}

fn refused_group(rule: &CompilationRule, group: &str, error: &CallError) -> Problem {
    Problem::new(
        "package-group-refused",
        format!("SageMaker does not list the versions of the model package group `{group}`: {}", error.message),
        format!(
            "allow plan-compilation to list the versions, or correct model_package_group in rule `{}`: the group must be in the account and Region of the stack",
            rule.name
        ),
    )
}

fn refused_groups(rule: &CompilationRule, error: &CallError) -> Problem {
    Problem::new(
        "package-groups-refused",
        format!("SageMaker does not list the model package groups: {}", error.message),
        format!("allow plan-compilation to list the groups, or name one group in rule `{}`", rule.name),
    )
}

fn too_many_groups(pattern: &PackageGroupPattern, matched: &[String]) -> Problem {
    Problem::new(
        "package-groups-too-many",
        format!("`{}` matches {} model package groups, more than {MAX_GROUPS}", pattern.as_str(), matched.len()),
        "write a narrower glob in model_package_group, or several rules".to_owned(),
    )
}

#[cfg(test)]
mod tests;
