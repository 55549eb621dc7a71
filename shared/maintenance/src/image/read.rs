//! Reads the section `images`, noting every mistake.

use document::{At, Fields, Reader, arn::is_role, tags::MAX_TAGS};

use super::{Image, Wanted};

/// The keys of the section's mappings. The schema has the same: a test holds one against the other.
const IMAGE: [&str; 5] = ["name", "display_name", "description", "role_arn", "tags"];

/// Longest name, display name and description (service model 2017-07-24).
const MAX_NAME: usize = 63;
const MAX_DISPLAY_NAME: usize = 128;
const MAX_DESCRIPTION: usize = 512;

/// Reads the section; none if there are mistakes in it.
pub(crate) fn read(reader: &mut Reader, at: &At<'_>) -> Option<Vec<Image>> {
    let items = reader.items(at, "a list of images, such as [ { name: training-base, description: null } ]")?;
    let mut images: Vec<Image> = Vec::with_capacity(items.len());
    for item in items {
        let Some(read) = image(reader, &item) else { continue };
        if images.iter().any(|earlier| earlier.name == read.name) {
            let message = format!("`{}` is declared above already; merge the two entries", read.name);
            reader.fault_in(&item, "name", message);
        }
        images.push(read);
    }
    Some(images)
}

fn image(reader: &mut Reader, at: &At<'_>) -> Option<Image> {
    let fields = reader.fields(at, &IMAGE)?;
    let name = reader.required(&fields, "name", "training-base").and_then(|at| name(reader, &at));
    let display_name = wanted(reader, &fields, "display_name", "a display name", MAX_DISPLAY_NAME);
    if let (Wanted::Text(text), Some(at)) = (&display_name, fields.get("display_name"))
        && text.trim() != text
    {
        reader.fault(at, format!("`{text}` begins or ends with a space; write `{}`", text.trim()));
    }
    let description = wanted(reader, &fields, "description", "a description", MAX_DESCRIPTION);
    let role_arn = fields.get("role_arn").and_then(|at| {
        let text = reader.text(at, "the ARN of a role")?;
        if !is_role(text) {
            let example = "arn:aws:iam::123456789012:role/image";
            reader.fault(at, format!("`{text}` is no ARN of a role, such as {example}"));
        }
        Some(text.to_owned())
    });
    if fields.is_null("role_arn") {
        reader.fault_in(
            at,
            "role_arn",
            "the role of an image cannot be removed; name one, or leave the key out".to_owned(),
        );
    }
    let tags = fields.get("tags").and_then(|at| reader.tags(at)).unwrap_or_default();
    if tags.len() > MAX_TAGS {
        reader.fault_in(at, "tags", format!("has {} tags; SageMaker takes {MAX_TAGS}", tags.len()));
    }
    Some(Image { name: name?, display_name, description, role_arn, tags })
}

/// Letters and digits, with single dashes and dots between them.
fn name(reader: &mut Reader, at: &At<'_>) -> Option<String> {
    let text = reader.text(at, "the name of an image")?;
    let mut after_sign = true;
    let mut fits = !text.is_empty() && text.len() <= MAX_NAME;
    for c in text.chars() {
        let sign = c == '-' || c == '.';
        fits &= if sign { !after_sign } else { c.is_ascii_alphanumeric() };
        after_sign = sign;
    }
    if fits && !after_sign {
        return Some(text.to_owned());
    }
    let allowed = "letters and digits, with single dashes and dots between them";
    reader.fault(at, format!("`{text}` is no name of an image; allowed: 1 to {MAX_NAME} {allowed}"));
    None
}

/// A text, `null`, or nothing said.
fn wanted(reader: &mut Reader, fields: &Fields<'_>, key: &str, what: &str, most: usize) -> Wanted {
    if fields.is_null(key) {
        return Wanted::Nothing;
    }
    let Some(at) = fields.get(key) else { return Wanted::Any };
    let Some(text) = reader.text(at, &format!("{what}, or null to remove it")) else { return Wanted::Any };
    let long = text.chars().count();
    if long == 0 {
        reader.fault(at, format!("is empty; write null to remove {what}"));
    } else if text.contains('\n') {
        reader.fault(at, format!("has more than one line; allowed: {what} in one line"));
    } else if long > most {
        reader.fault(at, format!("has {long} characters; allowed: {what} of at most {most}"));
    }
    Wanted::Text(text.to_owned())
}
