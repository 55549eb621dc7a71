//! Reads the section `images`, collecting every error.

use document::{ConfigFinding, LocatedNode, MapFields, Reader, arn::is_role_arn};

use super::{DesiredText, Image};
use crate::duplicate::report_duplicate;

/// The keys of an entry. A test compares them with the schema.
const IMAGE: [&str; 5] = ["name", "display_name", "description", "role_arn", "tags"];

/// Longest name, display name and description (service model 2017-07-24).
const MAX_NAME: usize = 63;
const MAX_DISPLAY_NAME: usize = 128;
const MAX_DESCRIPTION: usize = 512;

/// `None` if the section is not a list; errors in its entries are in `reader`.
pub(crate) fn read_images(reader: &mut Reader, at: &LocatedNode<'_>) -> Option<Vec<Image>> {
    let items = reader.read_items(at, "a list of images, such as [ { name: training-base, description: null } ]")?;
    let mut images: Vec<Image> = Vec::with_capacity(items.len());
    for item in items {
        let Some(read) = read_image(reader, &item) else { continue };
        let names = images.iter().map(|earlier| earlier.name.as_str());
        report_duplicate(reader, &item, "name", names, &read.name);
        images.push(read);
    }
    Some(images)
}

fn read_image(reader: &mut Reader, at: &LocatedNode<'_>) -> Option<Image> {
    let fields = reader.read_fields(at, &IMAGE)?;
    let name = reader.require_field(&fields, "name", "training-base").and_then(|at| read_name(reader, &at));
    let display_name = read_desired_text(reader, &fields, "display_name", "a display name", MAX_DISPLAY_NAME);
    if let (DesiredText::Text(text), Some(at)) = (&display_name, fields.get("display_name"))
        && text.trim() != text
    {
        let message = format!("expected text without spaces around it, found `{text}`");
        reader.report_error(at, ConfigFinding::new(message, format!("write `{}`", text.trim())));
    }
    let description = read_desired_text(reader, &fields, "description", "a description", MAX_DESCRIPTION);
    let description = match description {
        // SageMaker may remove spaces around it.
        DesiredText::Text(text) => DesiredText::Text(text.trim().to_owned()),
        other => other,
    };
    let role_arn = fields.get("role_arn").and_then(|at| {
        let text = reader.read_text(at, "a role ARN")?;
        if !is_role_arn(text) {
            let example = "arn:aws:iam::123456789012:role/image";
            let expected = format!("a role ARN, such as {example}");
            reader.report_error(at, ConfigFinding::unexpected(expected, format_args!("`{text}`")));
        }
        Some(text.to_owned())
    });
    if fields.is_null("role_arn") {
        let message = "expected a role ARN, found null: the role of an image cannot be removed";
        let finding = ConfigFinding::new(message, "remove the key `role_arn` to keep the role");
        reader.report_error_in_key(at, "role_arn", finding);
    }
    let tags = fields.get("tags").and_then(|at| reader.read_tags(at)).unwrap_or_default();
    reader.check_tag_count(at, &tags);
    Some(Image { name: name?, display_name, description, role_arn, tags })
}

/// Accepts letters and digits, with single hyphens and dots between them.
fn read_name(reader: &mut Reader, at: &LocatedNode<'_>) -> Option<String> {
    let text = reader.read_text(at, "an image name")?;
    let mut after_separator = true;
    let mut fits = !text.is_empty() && text.len() <= MAX_NAME;
    for c in text.chars() {
        let is_separator = c == '-' || c == '.';
        fits &= if is_separator { !after_separator } else { c.is_ascii_alphanumeric() };
        after_separator = is_separator;
    }
    if fits && !after_separator {
        return Some(text.to_owned());
    }
    let expected = "letters and digits, with single hyphens and dots between them";
    let expected = format!("an image name of 1 to {MAX_NAME} {expected}");
    reader.report_error(at, ConfigFinding::unexpected(expected, format_args!("`{text}`")));
    None
}

/// Reads a text, `null`, or a missing key.
fn read_desired_text(
    reader: &mut Reader,
    fields: &MapFields<'_>,
    key: &str,
    what: &str,
    max_length: usize,
) -> DesiredText {
    if fields.is_null(key) {
        return DesiredText::Absent;
    }
    let Some(at) = fields.get(key) else { return DesiredText::Unmanaged };
    let Some(text) = reader.read_text(at, &format!("{what}, or null to remove it")) else {
        return DesiredText::Unmanaged;
    };
    let length = text.chars().count();
    if text.trim().is_empty() {
        let message = format!("expected {what}, found empty text");
        reader.report_error(at, ConfigFinding::new(message, "write null to remove it"));
    } else if text.contains('\n') {
        reader.report_error(at, ConfigFinding::unexpected(format!("{what} on one line"), "more than one line"));
    } else if length > max_length {
        let expected = format!("{what} of at most {max_length} characters");
        reader.report_error(at, ConfigFinding::unexpected(expected, length));
    }
    DesiredText::Text(text.to_owned())
}
