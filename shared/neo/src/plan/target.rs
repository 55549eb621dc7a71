//! One target of an upload: what its archive and the table of targets say.

use model_archive::{Dim, Framework};
use serde_json::Value;

use super::{
    Decision, Origin, Planned, TargetPlan,
    inputs::{For, Settled},
    order::{Draft, Model, Order},
    origin::first,
};
use crate::{Family, FrameworkVersion, SymbolicDims, TargetRow, TargetSpec, config::numbers};

impl Planned<'_> {
    pub(super) fn target(
        &self,
        order: &Order<'_>,
        spec: &TargetSpec,
        named_by: Origin,
        framework: Framework,
        said: Origin,
    ) -> TargetPlan {
        let mut draft = Draft::new(spec, named_by);
        draft.decisions.push(Decision::new("framework", framework, said));
        let row = spec.target.row();
        order.table(&mut draft, spec, row, Some(framework));
        let version = self.framework_version(&mut draft, spec, row, framework);
        let inputs = self.settled_inputs(&mut draft, order, spec, row, framework);
        let options = order.compiler_options(&mut draft, spec, row, Some(framework));
        self.files(&mut draft, spec, row, options.as_ref());
        let model = Model { framework: Some(framework), version: version.as_ref(), inputs: inputs.as_deref() };
        let request = order.request(&mut draft, spec, model, options.as_ref());
        draft.done(spec, request)
    }

    /// Files that some targets want beside the model (developer guide, "Prepare Model"; API reference, `CompilerOptions`).
    fn files(&self, draft: &mut Draft, spec: &TargetSpec, row: Option<&TargetRow>, options: Option<&Value>) {
        let members = &self.inspection.members;
        // Of a long list only the beginning is kept.
        let is_whole = members.len() as u64 == self.inspection.member_count && !members.is_empty();
        let Some(row) = row.filter(|_| is_whole) else { return };
        if row.family == Family::Ambarella && !members.iter().any(|member| member.path.ends_with("config.json")) {
            draft.problem(
                "ambarella-config-missing",
                format!("{} needs a *config.json and a folder of calibration images in the archive", spec.target),
                "pack them beside the model, and upload the archive again",
            );
        }
        let labels = options.and_then(|options| options.get("class_labels")).and_then(Value::as_str);
        if let Some(labels) = labels.filter(|labels| !members.iter().any(|member| member.path.ends_with(*labels))) {
            draft.problem(
                "class-labels-missing",
                format!("the compiler option class_labels names `{labels}`, which is not in the archive"),
                "pack the file with the labels beside the model, or correct the option",
            );
        }
    }

    /// The version to send, as it was asked for.
    fn framework_version(
        &self,
        draft: &mut Draft,
        spec: &TargetSpec,
        row: Option<&TargetRow>,
        framework: Framework,
    ) -> Option<FrameworkVersion> {
        let said = first([
            (Origin::Metadata, self.overrides.framework_version.as_ref()),
            (Origin::Target, spec.framework_version.as_ref()),
            (Origin::Rule, self.rule.framework_version.as_ref()),
        ]);
        let target = &spec.target;
        let taken = match row {
            Some(row) => row.takes_framework_version(framework),
            None => matches!(framework, Framework::Pytorch | Framework::Tensorflow),
        };
        let Some((version, origin)) = said else {
            // The service chooses one then, and a model of another version fails after minutes.
            let neuron = row.is_some_and(|row| row.family == Family::Neuron);
            let documented = row.and_then(|row| row.support(framework)).map(|support| support.versions.join(", "));
            if let Some(versions) = documented.filter(|_| taken && (neuron || framework == Framework::Pytorch)) {
                let of = if versions.is_empty() { String::new() } else { format!(" (documented are {versions})") };
                let warning = format!(
                    "no framework_version is named: SageMaker chooses one for {target}{of}, and a model of another fails"
                );
                draft.warn("framework-version-advised", warning);
            }
            return None;
        };
        if !taken {
            let warning =
                format!("framework_version {version} is not sent: SageMaker takes none for {framework} on {target}");
            draft.warn("framework-version-not-sent", warning);
            return None;
        }
        draft.decisions.push(Decision::new("framework_version", version, origin));
        let documented = row.and_then(|row| row.support(framework)).map(|support| support.versions).unwrap_or_default();
        let known: Vec<_> = documented.iter().filter_map(|version| numbers(version)).collect();
        match version.numbers() {
            Some(asked) if !known.is_empty() && !known.contains(&asked) => {
                let list = documented.join(", ");
                // The service learns versions before this table does.
                if known.iter().all(|known| *known < asked) {
                    let warning =
                        format!("{framework} {version} is newer than AWS documents for {target} ({list}); it is sent");
                    draft.warn("framework-version-new", warning);
                } else {
                    draft.problem(
                        "framework-version-unsupported",
                        format!("{framework} {version} is not compiled for {target}; documented are {list}"),
                        format!(
                            "save the model with one of these, and name it: framework_version: \"{}\"",
                            documented.last().unwrap_or(&"")
                        ),
                    );
                }
            }
            _ => {}
        }
        Some(version.clone())
    }

    fn settled_inputs(
        &self,
        draft: &mut Draft,
        order: &Order<'_>,
        spec: &TargetSpec,
        row: Option<&'static TargetRow>,
        framework: Framework,
    ) -> Option<String> {
        let none = SymbolicDims::default();
        let said = order.said(spec, |settings| settings.symbolic_dims.as_ref());
        let dims = said.map_or(&none, |(dims, _)| dims);
        let version = first([
            (Origin::Metadata, self.overrides.framework_version.as_ref()),
            (Origin::Target, spec.framework_version.as_ref()),
            (Origin::Rule, self.rule.framework_version.as_ref()),
        ]);
        let version = version.map(|(version, _)| version);
        match self.inputs(For { spec, row, framework, version, dims }) {
            Ok(Settled { text, origin, warnings }) => {
                draft.warnings.extend(warnings);
                let shown = text.as_deref().unwrap_or("none");
                draft.decisions.push(Decision::new("inputs", shown, origin));
                if let (Origin::Archive, Some((dims, origin)), true) = (origin, said, self.has_open_dims()) {
                    draft.decisions.push(Decision::new("symbolic_dims", dims, origin));
                }
                text
            }
            Err(problems) => {
                draft.problems.extend(problems);
                None
            }
        }
    }

    fn has_open_dims(&self) -> bool {
        let inputs = self.inspection.model.iter().flat_map(|model| &model.inputs);
        inputs.flat_map(|input| input.dims.iter().flatten()).any(|dim| !matches!(dim, Dim::Known(_)))
    }
}
