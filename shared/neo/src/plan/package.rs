//! From a rule for a model package to one compilation request per target. There is no archive to look into: SageMaker knows the model.

use super::{
    Origin, Plan, TargetPlan,
    order::{Draft, Model, Order},
    refuse_repeats,
};
use crate::{ModelPackage, ModelPackageArn, OnNewVersion, Rule, Settings, Source, name::digest};

/// Everything the plan of a model package is made of.
#[derive(Debug, Clone, Copy)]
pub struct PlannedPackage<'a> {
    /// The version of the package.
    pub package: &'a ModelPackageArn,
    /// The rule that names it.
    pub rule: &'a Rule,
    /// What holds where the rule says nothing.
    pub defaults: &'a Settings,
    /// Where artifacts go, unless the configuration names another bucket.
    pub artifact_bucket: &'a str,
    /// The bucket whose objects are compiled: no artifact may go there.
    pub model_bucket: &'a str,
    /// Where the jobs will run, if it is known: some targets are compiled in one region only.
    pub region: Option<&'a str>,
}

/// One request per target, and all that stands against the others; and what is compiled, whose version tells what was asked for: the same
/// for the same wishes, another one as soon as something about them was changed.
pub fn plan_package(planned: &PlannedPackage<'_>) -> (Source, Plan) {
    let number = planned.package.number();
    let (_, draft) = planned.targets(number);
    let asked: Vec<_> = draft.iter().map(asked).collect();
    let version = format!("{number}-{}", digest(&asked.iter().map(String::as_str).collect::<Vec<_>>()));
    let (source, mut targets) = planned.targets(&version);
    refuse_repeats(&mut targets, &planned.rule.name);
    (source, Plan { problems: Vec::new(), warnings: Vec::new(), targets, on_new_version: OnNewVersion::Keep })
}

/// All that is asked for a target, or stands against it. As a text, in which the order of members is always the same.
fn asked(target: &TargetPlan) -> String {
    let text = match &target.outcome {
        Ok(request) => serde_json::to_string(request),
        Err(problems) => serde_json::to_string(problems),
    };
    // Every key in them is a text: this cannot fail.
    text.unwrap_or_default()
}

impl PlannedPackage<'_> {
    fn targets(&self, version: &str) -> (Source, Vec<TargetPlan>) {
        let package = ModelPackage { model_package_version_arn: self.package.clone(), version: version.to_owned() };
        let order = Order {
            source: Source::Package(package),
            rule: self.rule,
            defaults: self.defaults,
            artifact_bucket: self.artifact_bucket,
            model_bucket: self.model_bucket,
            region: self.region,
        };
        let target = |spec| {
            let mut draft = Draft::new(spec, Origin::Rule);
            let row = spec.target.row();
            order.table(&mut draft, spec, row, None);
            let options = order.compiler_options(&mut draft, spec, row, None);
            let request = order.request(&mut draft, spec, Model::default(), options.as_ref());
            draft.done(spec, request)
        };
        let targets = self.rule.targets.iter().map(target).collect();
        (order.source, targets)
    }
}
