//! Plans one target of an upload, from the content of the archive and the table of targets.

use model_archive::{Dim, Framework, InspectedModel};
use serde_json::Value;

use super::{
    PlanInput, ResolvedSetting, SettingOrigin, TargetPlan,
    context::{ModelInputConfig, PlanContext, TargetDraft},
    inputs::{InputsContext, ResolvedInputs},
    model_version::{find_saved_version, find_target_version_warnings},
    setting_origin::first_set,
};
use crate::{
    DimensionSizes, FrameworkVersion, Target, TargetFamily, TargetRow, TargetSpec, config::parse_major_minor,
    target::VersionSupport,
};

impl PlanInput<'_> {
    pub(super) fn plan_target(
        &self,
        context: &PlanContext<'_>,
        spec: &TargetSpec,
        named_by: SettingOrigin,
        framework: Framework,
        framework_origin: SettingOrigin,
    ) -> TargetPlan {
        let mut draft = TargetDraft::new(spec, named_by);
        draft.resolved_settings.push(ResolvedSetting::new("framework", framework, framework_origin));
        let row = spec.target.find_row();
        context.check_target(&mut draft, spec, row, Some(framework));
        let version = self.resolve_framework_version(&mut draft, spec, row, framework);
        if let Some((model, row)) = self.model_of(framework).zip(row) {
            draft.warnings.extend(find_target_version_warnings(model, row, version.as_ref()));
        }
        let inputs = self.resolve_target_inputs(&mut draft, context, spec, row, framework);
        let options = context.resolve_compiler_options(&mut draft, spec, row, Some(framework));
        self.check_companion_files(&mut draft, spec, row, options.as_ref());
        let model =
            ModelInputConfig { framework: Some(framework), version: version.as_ref(), inputs: inputs.as_deref() };
        let request = context.build_request(&mut draft, spec, model, options.as_ref());
        draft.into_plan(spec, request)
    }

    /// The model in the archive, if it is of this framework.
    fn model_of(&self, framework: Framework) -> Option<&InspectedModel> {
        self.inspection.model.as_ref().filter(|model| model.framework == framework)
    }

    /// Checks for files that some targets need beside the model (developer guide, "Prepare Model";
    /// API reference, `CompilerOptions`).
    fn check_companion_files(
        &self,
        draft: &mut TargetDraft,
        spec: &TargetSpec,
        row: Option<&TargetRow>,
        options: Option<&Value>,
    ) {
        let members = &self.inspection.members;
        // The inspection keeps only the beginning of a long list.
        let is_whole = members.len() as u64 == self.inspection.member_count && !members.is_empty();
        let Some(row) = row.filter(|_| is_whole) else { return };
        if row.family == TargetFamily::Ambarella && !members.iter().any(|member| member.path.ends_with("config.json")) {
            draft.add_problem(
                "ambarella-config-missing",
                format!("{} requires a *config.json and a folder of calibration images in the archive", spec.target),
                "add them to the archive beside the model and upload it again",
            );
        }
        let labels = options.and_then(|options| options.get("class_labels")).and_then(Value::as_str);
        if let Some(labels) = labels.filter(|labels| !members.iter().any(|member| member.path.ends_with(*labels))) {
            draft.add_problem(
                "class-labels-missing",
                format!("the compiler option class_labels names `{labels}`, which is not in the archive"),
                "add the label file to the archive beside the model, or correct the option",
            );
        }
    }

    /// The service chooses a version if none is sent, and a model of another version fails after
    /// minutes.
    fn advise_framework_version(
        &self,
        draft: &mut TargetDraft,
        target: &Target,
        row: Option<&TargetRow>,
        framework: Framework,
    ) {
        let neuron = row.is_some_and(|row| row.family == TargetFamily::Neuron);
        // The versions of TensorFlow differ most between 1 and 2.
        let saved = self.model_of(framework).and_then(find_saved_version);
        let is_tensorflow_2 = framework == Framework::Tensorflow
            && saved.and_then(|(_, saved)| parse_major_minor(saved)).is_some_and(|(major, _)| major >= 2);
        let matters = neuron || framework == Framework::Pytorch || is_tensorflow_2;
        let documented = row.and_then(|row| row.find_support(framework)).map(|support| support.versions.join(", "));
        if let Some(versions) = documented.filter(|_| matters) {
            let documented = if versions.is_empty() { String::new() } else { format!(" (documented: {versions})") };
            let warning = format!(
                "framework_version is not set: SageMaker chooses one for {target}{documented}, and a model of another version fails; set framework_version"
            );
            draft.add_warning("framework-version-advised", warning);
        }
    }

    /// The framework version to send, as configured.
    fn resolve_framework_version(
        &self,
        draft: &mut TargetDraft,
        spec: &TargetSpec,
        row: Option<&TargetRow>,
        framework: Framework,
    ) -> Option<FrameworkVersion> {
        let configured = first_set([
            (SettingOrigin::Metadata, self.overrides.framework_version.as_ref()),
            (SettingOrigin::Target, spec.framework_version.as_ref()),
            (SettingOrigin::Rule, self.rule.framework_version.as_ref()),
        ]);
        let target = &spec.target;
        let Some((version, origin)) = configured else {
            if VersionSupport::accepts_any(row, framework) {
                self.advise_framework_version(draft, target, row, framework);
            }
            return None;
        };
        match VersionSupport::find_for(row, framework, version) {
            VersionSupport::NotSent => {
                let warning = format!(
                    "framework_version {version} is not sent: SageMaker does not accept it for {framework} on {target}"
                );
                draft.add_warning("framework-version-not-sent", warning);
                return None;
            }
            VersionSupport::Sent => {}
            VersionSupport::Newer(documented) => {
                let list = documented.join(", ");
                let warning = format!(
                    "{framework} {version} is newer than the versions documented for {target} ({list}); it is sent anyway"
                );
                draft.add_warning("framework-version-new", warning);
            }
            VersionSupport::Unsupported(documented) => draft.add_problem(
                "framework-version-unsupported",
                format!(
                    "SageMaker Neo does not compile {framework} {version} for {target}; documented: {}",
                    documented.join(", ")
                ),
                format!(
                    "save the model with one of these versions and set it, for example framework_version: \"{}\"",
                    documented.last().unwrap_or(&"")
                ),
            ),
        }
        draft.resolved_settings.push(ResolvedSetting::new("framework_version", version, origin));
        Some(version.clone())
    }

    fn resolve_target_inputs(
        &self,
        draft: &mut TargetDraft,
        context: &PlanContext<'_>,
        spec: &TargetSpec,
        row: Option<&'static TargetRow>,
        framework: Framework,
    ) -> Option<String> {
        let symbolic = context.find_setting(spec, |settings| settings.symbolic_dims.as_ref());
        let batch = context.find_setting(spec, |settings| settings.batch_size.as_ref());
        let sizes = DimensionSizes {
            symbolic_dims: symbolic.map(|(dims, _)| dims.clone()).unwrap_or_default(),
            batch_size: batch.map(|(size, _)| *size),
        };
        let sizes = &sizes.with_batch_size_of(framework);
        let version = first_set([
            (SettingOrigin::Metadata, self.overrides.framework_version.as_ref()),
            (SettingOrigin::Target, spec.framework_version.as_ref()),
            (SettingOrigin::Rule, self.rule.framework_version.as_ref()),
        ]);
        let version = version.map(|(version, _)| version);
        match self.resolve_inputs(InputsContext { spec, row, framework, version, sizes }) {
            Ok(ResolvedInputs { text, origin, warnings, has_batch_size }) => {
                draft.warnings.extend(warnings);
                let shown = text.as_deref().unwrap_or("none");
                draft.resolved_settings.push(ResolvedSetting::new("inputs", shown, origin));
                if let (SettingOrigin::Archive, Some((dims, origin)), true) =
                    (origin, symbolic, self.has_dynamic_dims())
                {
                    draft.resolved_settings.push(ResolvedSetting::new("symbolic_dims", dims, origin));
                }
                if let Some(size) = sizes.batch_size.filter(|_| has_batch_size) {
                    let origin = batch.map_or(SettingOrigin::Archive, |(_, origin)| origin);
                    draft.resolved_settings.push(ResolvedSetting::new("batch_size", size, origin));
                }
                text
            }
            Err(problems) => {
                draft.add_problems(problems);
                None
            }
        }
    }

    fn has_dynamic_dims(&self) -> bool {
        let inputs = self.inspection.model.iter().flat_map(|model| &model.inputs);
        inputs.flat_map(|input| input.dims.iter().flatten()).any(|dim| !matches!(dim, Dim::Known(_)))
    }
}
