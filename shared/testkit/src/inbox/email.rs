//! A notification of SNS as the e-mail that a subscriber gets.

use super::sns::Notification;
use super::view::EmailView;

/// Who sends the e-mails of SNS.
const FROM: &str = "AWS Notifications <no-reply@sns.amazonaws.com>";
/// The subject of a notification without one.
const NO_SUBJECT: &str = "AWS Notification Message";

pub(crate) fn view(notification: &Notification, to: Option<&str>) -> EmailView {
    let topic = notification.topic();
    let body = format!(
        "{}\n\n--\nIf you wish to stop receiving notifications from this topic, please click or visit \
         the link below to unsubscribe:\n{}\n\nPlease do not reply directly to this email.\n",
        notification.message,
        notification
            .unsubscribe_url
            .as_deref()
            .unwrap_or("(no link: delivered raw)"),
    );
    EmailView {
        from: FROM.to_owned(),
        to: to.map_or_else(|| format!("subscribers of {topic}"), str::to_owned),
        subject: notification
            .subject
            .clone()
            .unwrap_or_else(|| NO_SUBJECT.to_owned()),
        body,
        raw: notification.raw,
    }
}
