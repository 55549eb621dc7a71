//! Paths of members.

/// The last component of a path.
pub(crate) fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// A path without its last component.
pub(crate) fn parent_folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The path of a file that is named relative to a folder.
pub(crate) fn join_path(folder: &str, name: &str) -> String {
    normalize_path(&format!("{folder}/{name}"))
}

/// A path from the root of the archive, without empty components and `.`; `..` remains only at its
/// start, where it leads out of the archive.
pub(crate) fn normalize_path(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_normalized() {
        let cases = [
            ("./a.onnx", "a.onnx"),
            ("/a//b/./c", "a/b/c"),
            ("a/../b/", "b"),
            ("../../a", "../../a"),
            ("a/../../b", "../b"),
            ("./", ""),
        ];
        for (path, expected) in cases {
            assert_eq!(normalize_path(path), expected, "{path}");
        }
    }
}
