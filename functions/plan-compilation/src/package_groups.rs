//! Plans the approved versions of model package groups.
//!
//! An event only says that a version may have been approved: what is approved is then read from the
//! list of the group. The same lists are read from time to time, the least recently read first, so
//! that an event that never arrives delays and loses nothing (level-triggered reconciliation).
//!
//! A rule compiles the newest version that is approved when the rule becomes active, and each
//! version that is approved later. The ledger therefore records which versions of a group need
//! nothing more. A version is recorded after it was planned: after a crash in between, it is
//! planned again, which changes nothing. That its planning begins is recorded before, so that it is
//! completed even if the version is rejected in between.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use automation::{config::Config, event::ModelPackageState, objects::Objects};
use ledger::{LedgerTable, PackageGroupList, PackageRule, PackageVersions};
use model_archive::Problem;
use neo::{CompilationConfig, CompilationRule, MAX_RULE_GROUPS, ModelPackage, ModelSource, PackageGroupPattern};
use notifications::{Channel, Notification};
use sagemaker::model_packages::{ApprovedVersion, ModelPackages};
use tracing::{info, warn};
use worker::{CallError, Failure, queue::Sender};

use crate::Planner;

/// Groups whose versions are listed in one run: SageMaker accepts about two list calls a second
/// (aws-solutions/deepracer-on-aws issue 87).
const MAX_GROUPS_PER_RUN: usize = 10;

/// Versions of a group that are planned in one run: the next one continues.
const MAX_PLANS: usize = 100;

/// No group begins later in a run, which the search for uploads precedes.
const MAX_RUN: Duration = Duration::from_secs(30);

/// Pause between the pages of the list of groups.
const PAGE_PAUSE: Duration = Duration::from_millis(500);

/// Pages of 100 groups that are read in one run, newest first.
const MAX_GROUP_PAGES: usize = 20;

/// Groups that are known to rules with a glob.
const MAX_LISTED_GROUPS: usize = 100 * MAX_GROUP_PAGES;

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
        let rules = self.open_rules(&config).await?;
        let Some(known) = rules.into_iter().find(|known| known.name == rule.name && !known.has_too_many_groups) else {
            info!(package = state.arn, rule = rule.name, "Model package skipped: its rule matches too many groups");
            return Ok(());
        };
        let group = match rule.package_groups() {
            Some(PackageGroupPattern::Group(group)) => group.clone(),
            _ => state.group.clone(),
        };
        let matched = RuleGroup { rule, group, known };
        let row = self.ledger.find_package_groups(&BTreeSet::from([matched.name()])).await?.into_values().next();
        self.plan_group(compilation, &matched, row.and_then(|row| row.versions), Some(state)).await.map(drop)
    }

    /// Plans what is approved in the groups of all rules, as far as one run goes: those first that
    /// were not checked for the longest time.
    pub(crate) async fn plan_approved_packages(
        &self,
        config: &Config,
        search: &mut PackageSearch,
    ) -> Result<(), Failure> {
        let started = Instant::now();
        let compilation = &config.document.compilation;
        let rules = self.open_rules(config).await?;
        let (groups, mut results) = self.find_rule_groups(compilation, rules, config.version(), search).await?;
        let mut rows = self.ledger.find_package_groups(&groups.iter().map(RuleGroup::name).collect()).await?;
        let mut waiting: Vec<_> = groups.into_iter().map(|group| (rows.remove(group.name()), group)).collect();
        waiting.sort_by_key(|(row, _)| row.as_ref().map(|row| row.checked_at));
        for (row, group) in waiting.into_iter().take(MAX_GROUPS_PER_RUN) {
            if started.elapsed() > MAX_RUN {
                break;
            }
            search.groups += 1;
            match self.plan_group(compilation, &group, row.and_then(|row| row.versions), None).await {
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

    /// The active rules for groups.
    ///
    /// # Errors
    /// [`Failure::Deferred`] if a newer configuration is active than this one.
    async fn open_rules(&self, config: &Config) -> Result<Vec<PackageRule>, Failure> {
        let named = name_groups(&config.document.compilation);
        let rules = self.ledger.open_package_rules(&named, config.uploaded_at()).await?;
        rules.ok_or_else(|| Failure::busy("a newer configuration is active"))
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
        let listed = if has_glob { self.list_all_groups().await } else { Ok(BTreeSet::new()) };
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
            if matched.len() > MAX_RULE_GROUPS {
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
            Ok(_) => rules = self.ledger.mark_package_rules(&rules, &too_many).await?,
            Err(error) if error.kind.is_refusal() => {}
            Err(error) => results.push(Err(error.into())),
        }
        let groups = groups.into_iter().filter_map(|(rule, group)| {
            let named = rule.package_groups()?.as_str();
            let known = rules.iter().find(|known| known.name == rule.name && known.groups == named)?.clone();
            Some(RuleGroup { rule, group, known })
        });
        Ok((groups.collect(), results))
    }

    /// Plans the approved versions of a group that were not planned yet. Returns their number, or
    /// why they are not known. `known` is what is recorded about the group, `changed` the version
    /// that the event is about.
    async fn plan_group(
        &self,
        compilation: &CompilationConfig,
        matched: &RuleGroup<'_>,
        known: Option<PackageVersions>,
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
            Ok(None) => return self.open_missing_group(matched, known).await,
            Err(error) => return Ok(Err(refused_group(rule, group, &error))),
        };
        let opened = self.open_group(matched, known, &approved).await?;
        let mut versions = opened.clone();
        let times: BTreeMap<_, _> = approved.iter().map(|version| (version.number, version.created_at)).collect();
        if versions.record_creation(&times) {
            info!(group = matched.name(), "Model package group was created again: its versions are new");
        }
        let is_changed =
            versions.planned.as_ref().is_some_and(|planned| self.is_rule_changed(compilation, rule, planned));
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
        let due = approved.iter().filter(|version| !versions.handled.contains(&version.number)).take(MAX_PLANS);
        versions.begun.extend(due.map(|version| (version.number, version.arn.clone())));
        if !versions.begun.is_empty() {
            self.ledger.record_package_versions(matched.name(), &versions).await?;
        }
        let (mut results, mut count) = (Vec::new(), 0);
        for (number, arn) in &versions.begun {
            let (source, plan) = self.build_package_plan(compilation, rule, arn, versions.created_again_at(*number));
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
        if versions != opened {
            self.ledger.record_package_versions(matched.name(), &versions).await?;
        }
        Failure::merge_results(results)?;
        Ok(Ok(count))
    }

    /// Whether the rule requests something else than when this version was planned.
    fn is_rule_changed(&self, compilation: &CompilationConfig, rule: &CompilationRule, planned: &ModelPackage) -> bool {
        let ModelPackage { model_package_version_arn: arn, created_again_at, version } = planned;
        self.build_package_plan(compilation, rule, arn, *created_again_at).0.version() != version
    }

    async fn open_missing_group(
        &self,
        matched: &RuleGroup<'_>,
        known: Option<PackageVersions>,
    ) -> Result<Result<usize, Problem>, Failure> {
        // It was deleted since the groups were listed.
        if matches!(matched.rule.package_groups(), Some(PackageGroupPattern::Glob(_))) {
            return Ok(Ok(0));
        }
        // All versions of a group that is created later are approved later.
        self.open_group(matched, known, &[]).await?;
        Ok(Err(missing_group(matched.rule, &matched.group)))
    }

    /// What is known about the versions of a group. When a rule sees it first, all versions that
    /// were registered before the rule applied to it need nothing, except the newest.
    ///
    /// # Errors
    /// [`Failure::Deferred`] if the rule was replaced.
    async fn open_group(
        &self,
        matched: &RuleGroup<'_>,
        known: Option<PackageVersions>,
        approved: &[ApprovedVersion],
    ) -> Result<PackageVersions, Failure> {
        let rule = &matched.known;
        let known = match known {
            Some(versions) if versions.are_of(rule) => return Ok(versions),
            known => known,
        };
        let older = &approved[..approved.len().saturating_sub(1)];
        let earlier = older.iter().filter(|version| version.created_at < rule.unchanged_since);
        let versions = PackageVersions {
            rule: rule.name.clone(),
            active_since: rule.active_since,
            opened_at: (self.clock)(),
            handled: earlier.map(|version| version.number).collect(),
            begun: BTreeMap::new(),
            planned: None,
            created_at: known.as_ref().map(|known| known.created_at.clone()).unwrap_or_default(),
            is_created_again: known.as_ref().is_some_and(|known| known.is_created_again),
        };
        let opened = self.ledger.open_package_versions(matched.name(), rule, known.as_ref(), &versions).await?;
        opened.ok_or_else(|| Failure::busy("the rule for the group was replaced"))
    }

    /// The names of the groups of the account and Region. If SageMaker throttles the list, the next
    /// run continues with the page that is missing.
    async fn list_all_groups(&self) -> Result<BTreeSet<String>, CallError> {
        let new_list = || PackageGroupList { started_at: (self.clock)(), ..PackageGroupList::default() };
        let stored = self.ledger.find_group_list().await?;
        let (is_stored, mut is_first) = (stored.is_some(), true);
        let mut list = stored.unwrap_or_else(new_list);
        for _ in 0..MAX_GROUP_PAGES {
            match self.packages.list_groups(list.next.clone()).await {
                Ok(page) => {
                    list.groups.extend(page.groups);
                    list.next = page.next;
                }
                // SageMaker does not accept the token any more.
                Err(error) if error.kind.is_refusal() && is_stored && is_first => {
                    (list, is_first) = (new_list(), false);
                    continue;
                }
                Err(error) => {
                    if list.next.is_some() {
                        self.ledger.record_group_list(&list).await?;
                    }
                    return Err(error);
                }
            }
            is_first = false;
            if list.next.is_none() || list.groups.len() >= MAX_LISTED_GROUPS {
                break;
            }
            tokio::time::sleep(PAGE_PAUSE).await;
        }
        if list.next.is_some() {
            warn!(groups = list.groups.len(), "Model package groups not listed completely: there are too many");
        }
        if is_stored {
            self.ledger.record_group_list(&PackageGroupList::default()).await?;
        }
        Ok(list.groups)
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
        format!("`{}` matches {} model package groups, more than {MAX_RULE_GROUPS}", pattern.as_str(), matched.len()),
        "write a narrower glob in model_package_group, or several rules".to_owned(),
    )
}

#[cfg(test)]
mod tests;
