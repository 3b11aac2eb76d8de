package notify

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/big"
	"mime"
	"net"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"
)

// post office is an SMTP server that speaks STARTTLS and AUTH PLAIN.
type postOffice struct {
	t        *testing.T
	l        net.Listener
	conf     *tls.Config
	roots    *x509.CertPool
	starttls bool
	implicit bool
	rcpt     string // answer to RCPT

	mu    sync.Mutex
	login string
	mails []string
	clear []string // commands seen without TLS
}

func newPostOffice(t *testing.T, change func(*postOffice)) *postOffice {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.ParseIP("127.0.0.1")}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, tpl, tpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	o := &postOffice{t: t, starttls: true, rcpt: "250 2.1.5 Ok", roots: x509.NewCertPool(), conf: &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}}
	o.roots.AddCert(cert)
	if change != nil {
		change(o)
	}
	if o.l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := o.l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { o.serve(c) })
		}
	})
	t.Cleanup(func() { _ = o.l.Close(); wg.Wait() })
	return o
}

func (o *postOffice) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	secure := o.implicit
	if secure {
		c = tls.Server(c, o.conf)
	}
	in := bufio.NewReader(c)
	put := func(s string) { _, _ = io.WriteString(c, s+"\r\n") }
	put("220 mx.test ESMTP")
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		if !secure {
			o.mu.Lock()
			o.clear = append(o.clear, line)
			o.mu.Unlock()
		}
		verb, _, _ := strings.Cut(strings.ToUpper(line), " ")
		switch verb {
		case "EHLO":
			if secure {
				put("250-mx.test\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME")
			} else if o.starttls {
				put("250-mx.test\r\n250 STARTTLS")
			} else {
				put("250 mx.test")
			}
		case "STARTTLS":
			put("220 2.0.0 Ready to start TLS")
			c, secure = tls.Server(c, o.conf), true
			in = bufio.NewReader(c)
		case "AUTH":
			raw, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(line, "AUTH PLAIN "))
			o.mu.Lock()
			o.login = string(raw)
			o.mu.Unlock()
			if string(raw) != "\x00me\x00pass" {
				put("535 5.7.8 Error: authentication failed")
				continue
			}
			put("235 2.7.0 Authentication successful")
		case "MAIL":
			put("250 2.1.0 Ok")
		case "RCPT":
			put(o.rcpt)
		case "DATA":
			put("354 End data with <CR><LF>.<CR><LF>")
			var m strings.Builder
			for {
				l, err := in.ReadString('\n')
				if err != nil {
					return
				}
				if l == ".\r\n" {
					break
				}
				m.WriteString(l)
			}
			o.mu.Lock()
			o.mails = append(o.mails, m.String())
			o.mu.Unlock()
			put("250 2.0.0 Ok: queued as 4Xy")
		case "QUIT":
			put("221 2.0.0 Bye")
			return
		default:
			put("502 5.5.2 Error: command not recognized")
		}
	}
}

func (o *postOffice) target(scheme string) Target {
	return Target{Name: "m", Kind: Mail, URL: fmt.Sprintf("%s://%s", scheme, o.l.Addr()), From: "claw@here.test", To: "Owner <owner@there.test>", User: secret("me"), Token: secret("pass")}
}

func (o *postOffice) world() World {
	w := world()
	w.Roots = func() (*x509.CertPool, error) { return o.roots, nil }
	return w
}

func TestMail(t *testing.T) {
	for scheme, implicit := range map[string]bool{"smtp": false, "smtps": true} {
		t.Run(scheme, func(t *testing.T) {
			o := newPostOffice(t, func(o *postOffice) { o.implicit = implicit })
			a := sample()
			a.Title = "Zwölf – " + a.Title
			if err := o.target(scheme).mail(t.Context(), o.world(), a.safe(), noon); err != nil {
				t.Fatal(err)
			}
			o.mu.Lock()
			defer o.mu.Unlock()
			if o.login != "\x00me\x00pass" || len(o.mails) != 1 {
				t.Fatalf("%q, %d mails", o.login, len(o.mails))
			}
			for _, c := range o.clear {
				if !strings.HasPrefix(c, "EHLO localhost") && c != "STARTTLS" {
					t.Errorf("%q was sent without TLS", c)
				}
			}
			m, err := mail.ReadMessage(strings.NewReader(o.mails[0]))
			if err != nil {
				t.Fatal(err)
			}
			subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
			if err != nil || subject != "OpenClaw critical: Zwölf – 12 failed sign-ins in an hour" {
				t.Errorf("%q, %v", subject, err)
			}
			if m.Header.Get("To") != "<owner@there.test>" || m.Header.Get("Auto-Submitted") != "auto-generated" || m.Header.Get("Date") == "" || m.Header.Get("Message-Id") == "" {
				t.Errorf("%v", m.Header)
			}
			body, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, m.Body))
			if err != nil || !strings.Contains(string(body), "source: 203[.]0[.]113[.]9\n") {
				t.Errorf("%q, %v", body, err)
			}
		})
	}
}

func TestMailRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*postOffice)
		target func(Target) Target
		final  bool
		says   string
	}{
		"no TLS":        {func(o *postOffice) { o.starttls = false }, nil, true, "no STARTTLS"},
		"wrong login":   {nil, func(t Target) Target { t.Token = secret("no"); return t }, true, "535"},
		"greylisted":    {func(o *postOffice) { o.rcpt = "451 4.7.1 Greylisting in action, please come back later" }, nil, false, "451"},
		"no such user":  {func(o *postOffice) { o.rcpt = "550 5.1.1 User unknown" }, nil, true, "550"},
		"other machine": {func(o *postOffice) { o.roots = x509.NewCertPool() }, nil, false, "certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			o := newPostOffice(t, c.change)
			target := o.target("smtp")
			if c.target != nil {
				target = c.target(target)
			}
			err := target.mail(t.Context(), o.world(), sample().safe(), noon)
			var f *failure
			if !errors.As(err, &f) || f.final != c.final || !strings.Contains(f.why, c.says) {
				t.Errorf("%v %+v", err, f)
			}
			o.mu.Lock()
			defer o.mu.Unlock()
			if len(o.mails) > 0 {
				t.Error("a mail was sent")
			}
		})
	}
}

// A server that never answers ends with the context.
func TestMailServerThatHangs(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		cancel()
		_, _ = io.ReadAll(c)
		_ = c.Close()
	}()
	target := Target{Name: "m", Kind: Mail, URL: "smtp://" + l.Addr().String(), From: "a@b.test", To: "c@d.test"}
	if err := target.mail(ctx, world(), sample(), noon); err == nil {
		t.Error("sent")
	}
}
