//! Reads the XML responses of query APIs.

use aws_smithy_xml::decode::{Document, ScopedDecoder, XmlDecodeError, try_data};

/// Elements that have children: the parser has to know them, and all others have text.
const PARENTS: [&str; 6] = ["Stacks", "Outputs", "Parameters", "StackResourceSummaries", "Subscriptions", "member"];

/// Suffixes of the names of the outermost elements, such as `DescribeStacksResponse`.
const PARENT_SUFFIXES: [&str; 3] = ["Response", "Result", "Error"];

/// An element with its children, or with its text.
#[derive(Debug, Default)]
pub(crate) struct XmlElement {
    name: String,
    children: Vec<XmlElement>,
    text: String,
}

impl XmlElement {
    /// Reads the root element of a document.
    pub fn parse(document: &[u8]) -> Result<Self, XmlDecodeError> {
        let mut document = Document::try_from(document)?;
        let mut root = document.root_element()?;
        Ok(read_element(&mut root))
    }

    /// The elements that are reached by these names, one level each.
    pub fn select(&self, path: &[&str]) -> Vec<&Self> {
        path.iter().fold(vec![self], |parents, name| {
            parents.into_iter().flat_map(|parent| parent.children.iter().filter(|child| child.name == *name)).collect()
        })
    }

    /// The text of the first element that is reached by these names; `None` if it has none.
    pub fn find_text(&self, path: &[&str]) -> Option<String> {
        self.select(path).first().map(|element| element.text.clone()).filter(|text| !text.is_empty())
    }
}

fn read_element(decoder: &mut ScopedDecoder<'_, '_>) -> XmlElement {
    let name = decoder.start_el().local().to_owned();
    let mut element = XmlElement { name, ..XmlElement::default() };
    let is_parent = |name: &str| PARENTS.contains(&name) || PARENT_SUFFIXES.iter().any(|end| name.ends_with(end));
    if is_parent(&element.name) {
        while let Some(mut child) = decoder.next_tag() {
            element.children.push(read_element(&mut child));
        }
    } else {
        // An element with children that are not read has no text.
        element.text = try_data(decoder).map(|text| text.trim().to_owned()).unwrap_or_default();
    }
    element
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_selected_by_their_path() {
        let document = b"<?xml version=\"1.0\"?><DescribeStacksResponse xmlns=\"x\"><DescribeStacksResult><Stacks>
            <member><Tags><member><Key>k</Key></member></Tags><StackName>a &amp; b</StackName><Outputs>
            <member><OutputKey>One</OutputKey></member><member><OutputKey>Two</OutputKey></member>
            </Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>";
        let root = XmlElement::parse(document).unwrap();
        let stack = root.select(&["DescribeStacksResult", "Stacks", "member"])[0];
        assert_eq!(stack.find_text(&["StackName"]).as_deref(), Some("a & b"));
        let keys: Vec<_> =
            stack.select(&["Outputs", "member"]).iter().filter_map(|output| output.find_text(&["OutputKey"])).collect();
        assert_eq!(keys, ["One", "Two"]);
        assert_eq!(stack.find_text(&["Tags"]), None);
        assert!(XmlElement::parse(b"no XML").is_err());
    }
}
