//! The answers of AWS CloudFormation.

/// Wraps members as a query API lists them.
pub fn list_members(operation: &str, list: &str, members: &[String]) -> String {
    let members: Vec<_> = members.iter().map(|member| format!("<member>{member}</member>")).collect();
    let members = members.concat();
    format!(
        "<{operation}Response><{operation}Result><{list}>{members}</{list}></{operation}Result></{operation}Response>"
    )
}

/// The answer of `DescribeStacks` for the stack `automation`.
pub fn describe_stack(parameters: &[(&str, &str)], outputs: &[(&str, &str)]) -> String {
    let list = |kind: &str, pairs: &[(&str, &str)]| -> String {
        let member = |(key, value): &(&str, &str)| {
            format!("<member><{kind}Key>{key}</{kind}Key><{kind}Value>{value}</{kind}Value></member>")
        };
        pairs.iter().map(member).collect::<Vec<_>>().concat()
    };
    let stack = format!(
        "<StackName>automation</StackName>
        <StackId>arn:aws:cloudformation:eu-west-1:123456789012:stack/automation/1</StackId>
        <Parameters>{}</Parameters><Outputs>{}</Outputs>",
        list("Parameter", parameters),
        list("Output", outputs)
    );
    list_members("DescribeStacks", "Stacks", &[stack])
}
