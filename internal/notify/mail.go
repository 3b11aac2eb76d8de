package notify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"mime"
	"net"
	"net/mail"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// mail sends a safe alert by SMTP. Without TLS nothing is sent, except to a
// server on this machine.
func (t Target) mail(ctx context.Context, w World, a Alert, now time.Time) error {
	u, err := t.place()
	if err != nil {
		return never("%s", err)
	}
	host, port := u.Hostname(), 587
	if u.Scheme == "smtps" {
		port = 465
	}
	if p := u.Port(); p != "" {
		if port, err = strconv.Atoi(p); err != nil {
			return never("port %q is no port", p)
		}
	}
	if w.Dial == nil || w.Roots == nil {
		return never("there is no way to a mail server")
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	conn, err := w.Dial(ctx, "notify "+t.Name, host, port)
	if err != nil {
		return later("%s", plainError(err))
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	roots, err := w.Roots()
	if err != nil {
		return later("%s", plainError(err))
	}
	return t.converse(conn, u, &tls.Config{ServerName: host, RootCAs: roots, MinVersion: tls.VersionTLS12}, a, now)
}

// converse is one SMTP conversation (RFC 5321).
func (t Target) converse(conn net.Conn, u *url.URL, conf *tls.Config, a Alert, now time.Time) error {
	if u.Scheme == "smtps" {
		conn = tls.Client(conn, conf)
	}
	c := &session{Conn: textproto.NewConn(conn)}
	if _, _, err := c.ReadResponse(220); err != nil {
		return smtpFailure("greeting", err)
	}
	if err := c.hello(); err != nil {
		return err
	}
	if u.Scheme == "smtp" {
		if !strings.Contains(c.offers, "\nSTARTTLS\n") {
			if t.Token != nil || !isLoopback(u.Hostname()) {
				return never("the mail server offers no STARTTLS")
			}
		} else {
			if err := c.say(220, "STARTTLS"); err != nil {
				return err
			}
			// What came before the handshake is forgotten with the reader.
			c.Conn = textproto.NewConn(tls.Client(conn, conf))
			if err := c.hello(); err != nil {
				return err
			}
		}
	}
	if err := t.login(c); err != nil {
		return err
	}
	for _, step := range []struct {
		code int
		line string
	}{{250, "MAIL FROM:<" + bare(t.From) + ">"}, {25, "RCPT TO:<" + bare(t.To) + ">"}, {354, "DATA"}} {
		if err := c.say(step.code, step.line); err != nil {
			return err
		}
	}
	w := c.DotWriter()
	_, err := w.Write(t.message(a, now))
	if cerr := w.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		_, _, err = c.ReadResponse(250)
	}
	if err != nil {
		return smtpFailure("DATA", err)
	}
	_ = c.PrintfLine("QUIT") // the message was taken; how the server says goodbye does not matter
	return nil
}

// login sends user and token, on a line that is encrypted: without TLS there
// is none that has a token.
func (t Target) login(c *session) error {
	if t.Token == nil {
		return nil
	}
	if !strings.Contains(strings.ReplaceAll(c.offers, "=", " "), "\nAUTH ") {
		return never("the mail server offers no AUTH")
	}
	return lend(t.User, func(user string) error {
		return lend(t.Token, func(token string) error {
			return c.say(235, "AUTH PLAIN "+base64.StdEncoding.EncodeToString([]byte("\x00"+user+"\x00"+token)))
		})
	})
}

// session is a conversation with what the server offers.
type session struct {
	*textproto.Conn
	offers string // in capitals, each between line breaks
}

func (c *session) hello() error {
	if err := c.PrintfLine("EHLO localhost"); err != nil {
		return smtpFailure("EHLO", err)
	}
	_, text, err := c.ReadResponse(250)
	c.offers = strings.ToUpper("\n" + text + "\n")
	return smtpFailure("EHLO", err)
}

// say sends a command and reads its answer. Errors name the command alone.
func (c *session) say(code int, line string) error {
	verb, _, _ := strings.Cut(line, " ")
	if strings.ContainsAny(line, "\r\n") {
		return never("%s: a line break", verb)
	}
	if err := c.PrintfLine("%s", line); err != nil {
		return smtpFailure(verb, err)
	}
	_, _, err := c.ReadResponse(code)
	return smtpFailure(verb, err)
}

// smtpFailure keeps apart what may work later (4xx, a broken line) from what
// never will (5xx).
func smtpFailure(step string, err error) error {
	if err == nil {
		return nil
	}
	var p *textproto.Error
	if errors.As(err, &p) {
		f := later("%s: it answered %d %s", step, p.Code, clip(plainError(errors.New(p.Msg)), 160))
		f.final = p.Code >= 500
		return f
	}
	var cert *tls.CertificateVerificationError
	if errors.As(err, &cert) {
		return later("%s: its certificate is not one to trust: %s", step, plainError(cert.Err))
	}
	return later("%s: %s", step, plainError(err))
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// bare is the mailbox of an address that Check accepted.
func bare(s string) string {
	a, err := mail.ParseAddress(s)
	if err != nil {
		return s
	}
	return a.Address
}

// message is the mail: plain text, marked as written by a program so that no
// one's vacation answers it.
func (t Target) message(a Alert, now time.Time) []byte {
	sum := sha256.Sum256([]byte(a.ID + a.At.UTC().Format(time.RFC3339Nano)))
	var b bytes.Buffer
	for _, h := range [][2]string{
		{"From", (&mail.Address{Name: "OpenClaw", Address: bare(t.From)}).String()}, {"To", (&mail.Address{Address: bare(t.To)}).String()},
		{"Subject", mime.QEncoding.Encode("utf-8", a.subject())}, {"Date", now.Format(time.RFC1123Z)},
		{"Message-ID", "<" + hex.EncodeToString(sum[:16]) + "@openclaw.invalid>"}, {"Auto-Submitted", "auto-generated"}, {"X-Auto-Response-Suppress", "All"},
		{"MIME-Version", "1.0"}, {"Content-Type", "text/plain; charset=utf-8"}, {"Content-Transfer-Encoding", "base64"},
	} {
		fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
	}
	b.WriteString("\r\n")
	text := base64.StdEncoding.EncodeToString([]byte(a.body() + "\n"))
	for len(text) > 76 {
		b.WriteString(text[:76] + "\r\n")
		text = text[76:]
	}
	b.WriteString(text + "\r\n")
	return b.Bytes()
}
