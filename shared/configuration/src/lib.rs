#![doc = include_str!("../README.md")]

use document::{ConfigDiagnostic, ConfigError, DocumentUse};
use maintenance::DeclaredResources;
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
        Ok(Self { compilation, declared, warnings })
    }
}
