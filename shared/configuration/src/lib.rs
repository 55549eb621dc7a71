#![doc = include_str!("../README.md")]

mod changes;

use document::{ConfigDiagnostic, ConfigError, DocumentText, DocumentUse, YamlNode};
use maintenance::{Change, DeclaredResources};
use neo::CompilationConfig;

/// The whole of `automation.yaml`.
#[derive(Debug, Clone)]
pub struct ConfigDocument {
    /// Rules: which models are compiled for which targets.
    pub compilation: CompilationConfig,
    /// Desired state of work teams, partner apps and images.
    pub declared: DeclaredResources,
    /// Settings that are valid and may still be errors.
    pub warnings: Vec<ConfigDiagnostic>,
    source: DocumentText,
}

impl ConfigDocument {
    /// Parses a document that is being written, or returns all errors in it.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        Self::parse_as(text, DocumentUse::New)
    }

    /// Parses the document in the configuration bucket. What an earlier release accepted is a
    /// warning.
    pub fn parse_active(text: &str) -> Result<Self, ConfigError> {
        Self::parse_as(text, DocumentUse::Active)
    }

    fn parse_as(text: &str, document_use: DocumentUse) -> Result<Self, ConfigError> {
        let ((compilation, declared), warnings) =
            document::read_document_as(document_use, text, |reader, sections| {
                let (compilation, declared) = (
                    CompilationConfig::read_section(reader, sections),
                    DeclaredResources::read_sections(reader, sections),
                );
                compilation.zip(declared)
            })?;
        Ok(Self { compilation, declared, warnings, source: text.into() })
    }

    /// Lists what differs from an earlier version, by section and entry; without one, everything
    /// that is declared. The values of arguments of partner apps are never shown.
    pub fn list_changes(&self, earlier: Option<&Self>) -> Vec<Change> {
        // A document that was parsed once is parsed again without an error.
        let read = |document: &Self| document.source.as_str().parse::<YamlNode>().map(|node| node.to_json());
        let earlier = earlier.and_then(|earlier| read(earlier).ok()).unwrap_or_default();
        changes::compare_documents(&earlier, &read(self).unwrap_or_default())
    }
}
