//! Links into the AWS console, in the partition and region that an ARN names.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What stays as it is in a query; slashes keep a key readable.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The page of a compilation job; none for an ARN of no partition that has a public console.
pub fn compilation_job(arn: &str) -> Option<String> {
    let place = Place::of(arn)?;
    let name = arn.rsplit_once(":compilation-job/")?.1;
    Some(format!("{}/sagemaker/home?region={}#/compilation-jobs/{name}", place.host()?, place.region))
}

/// The page of an object in S3, by its `s3://…` and the ARN of something in the same partition and region.
pub fn object(s3_uri: &str, arn: &str) -> Option<String> {
    let place = Place::of(arn)?;
    let (bucket, key) = s3_uri.strip_prefix("s3://")?.split_once('/')?;
    let key = utf8_percent_encode(key, QUERY);
    Some(format!("{}/s3/object/{bucket}?region={}&prefix={key}", place.host()?, place.region))
}

struct Place<'a> {
    partition: &'a str,
    region: &'a str,
}

impl<'a> Place<'a> {
    fn of(arn: &'a str) -> Option<Self> {
        let mut parts = arn.split(':');
        let (_, partition, _, region) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        (!region.is_empty()).then_some(Self { partition, region })
    }

    /// AWS general reference, "Working with the AWS Management Console" of each partition.
    fn host(&self) -> Option<String> {
        let domain = match self.partition {
            "aws" => "console.aws.amazon.com",
            "aws-cn" => "console.amazonaws.cn",
            "aws-us-gov" => "console.amazonaws-us-gov.com",
            _ => return None,
        };
        Some(format!("https://{}.{domain}", self.region))
    }
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
