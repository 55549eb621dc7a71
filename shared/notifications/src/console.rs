//! Links to the AWS Management Console, for the partition and Region of an ARN.

use document::arn::ArnScope;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Characters to escape in a query. Slashes are not, which keeps object keys readable.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The page of a compilation job. `None` if the ARN's partition has no public console.
pub(crate) fn job_console_url(arn: &str) -> Option<String> {
    let scope = ArnScope::from_arn(arn)?;
    let name = arn.rsplit_once(":compilation-job/")?.1;
    Some(format!("{}/sagemaker/home?region={}#/compilation-jobs/{name}", console_base_url(&scope)?, scope.region))
}

/// The page of an S3 object, from its `s3://…` URI and the ARN of a resource in the same partition
/// and Region.
pub(crate) fn object_console_url(s3_uri: &str, arn: &str) -> Option<String> {
    let scope = ArnScope::from_arn(arn)?;
    let (bucket, key) = s3_uri.strip_prefix("s3://")?.split_once('/')?;
    let key = utf8_percent_encode(key, QUERY);
    Some(format!("{}/s3/object/{bucket}?region={}&prefix={key}", console_base_url(&scope)?, scope.region))
}

/// The console of a partition and Region; `None` without a Region. (AWS General Reference, "Working
/// with the AWS Management Console" of each partition.)
fn console_base_url(scope: &ArnScope<'_>) -> Option<String> {
    let domain = match scope.partition {
        "aws" => "console.aws.amazon.com",
        "aws-cn" => "console.amazonaws.cn",
        "aws-us-gov" => "console.amazonaws-us-gov.com",
        _ => return None,
    };
    (!scope.region.is_empty()).then(|| format!("https://{}.{domain}", scope.region))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_the_console_of_the_partition() {
        let arn = |partition, region| format!("arn:{partition}:sagemaker:{region}:123456789012:compilation-job/a-1");
        for (partition, region, link) in [
            (
                "aws",
                "eu-west-1",
                Some("https://eu-west-1.console.aws.amazon.com/sagemaker/home?region=eu-west-1#/compilation-jobs/a-1"),
            ),
            (
                "aws-cn",
                "cn-north-1",
                Some("https://cn-north-1.console.amazonaws.cn/sagemaker/home?region=cn-north-1#/compilation-jobs/a-1"),
            ),
            (
                "aws-us-gov",
                "us-gov-west-1",
                Some(
                    "https://us-gov-west-1.console.amazonaws-us-gov.com/sagemaker/home?region=us-gov-west-1#/compilation-jobs/a-1",
                ),
            ),
            ("aws-iso", "us-iso-east-1", None),
        ] {
            assert_eq!(job_console_url(&arn(partition, region)).as_deref(), link);
        }
        assert_eq!(
            object_console_url("s3://artifacts/a b+c/ü.tar.gz", &arn("aws", "eu-west-1")).as_deref(),
            Some(
                "https://eu-west-1.console.aws.amazon.com/s3/object/artifacts?region=eu-west-1&prefix=a%20b%2Bc/%C3%BC.tar.gz"
            )
        );
        assert_eq!(job_console_url("not an arn"), None);
    }
}
