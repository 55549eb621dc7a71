//! Links into the AWS console, in the partition and region that an ARN names.

use document::arn::Home;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What stays as it is in a query; slashes keep a key readable.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The page of a compilation job; none for an ARN of no partition that has a public console.
pub fn compilation_job(arn: &str) -> Option<String> {
    let home = Home::of(arn)?;
    let name = arn.rsplit_once(":compilation-job/")?.1;
    Some(format!("{}/sagemaker/home?region={}#/compilation-jobs/{name}", host(&home)?, home.region))
}

/// The page of an object in S3, by its `s3://…` and the ARN of something in the same partition and region.
pub fn object(s3_uri: &str, arn: &str) -> Option<String> {
    let home = Home::of(arn)?;
    let (bucket, key) = s3_uri.strip_prefix("s3://")?.split_once('/')?;
    let key = utf8_percent_encode(key, QUERY);
    Some(format!("{}/s3/object/{bucket}?region={}&prefix={key}", host(&home)?, home.region))
}

/// Where the console of a partition and region is; none for what belongs to no region. (AWS general reference, "Working with the AWS
/// Management Console" of each partition.)
fn host(home: &Home<'_>) -> Option<String> {
    let domain = match home.partition {
        "aws" => "console.aws.amazon.com",
        "aws-cn" => "console.amazonaws.cn",
        "aws-us-gov" => "console.amazonaws-us-gov.com",
        _ => return None,
    };
    (!home.region.is_empty()).then(|| format!("https://{}.{domain}", home.region))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_into_the_right_partition() {
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
            assert_eq!(compilation_job(&arn(partition, region)).as_deref(), link);
        }
        assert_eq!(
            object("s3://artifacts/a b+c/ü.tar.gz", &arn("aws", "eu-west-1")).as_deref(),
            Some(
                "https://eu-west-1.console.aws.amazon.com/s3/object/artifacts?region=eu-west-1&prefix=a%20b%2Bc/%C3%BC.tar.gz"
            )
        );
        assert_eq!(compilation_job("not an arn"), None);
    }
}
