package egress

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// maxHead bounds a request's line and headers.
const maxHead = 64 << 10

// malformed is a request that two readers could read in two ways.
func malformed(format string, args ...any) *Refusal {
	return refuse("", RuleMalformed, format, args...)
}

// readHead reads up to the empty line and checks every byte of it, so that
// what net/http makes of it is what any server would.
func readHead(r *bufio.Reader) ([]byte, error) {
	var head []byte
	for {
		line, err := r.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) || len(head)+len(line) > maxHead {
			return nil, malformed("the request's head is larger than %d bytes", maxHead)
		}
		if err != nil {
			return nil, err
		}
		if len(line) < 2 || line[len(line)-2] != '\r' {
			return nil, malformed("a line ends without a carriage return")
		}
		head = append(head, line...)
		if len(line) == 2 {
			return head, checkHead(head)
		}
	}
}

// checkHead refuses what request smuggling is made of.
func checkHead(head []byte) error {
	lines := strings.Split(strings.TrimSuffix(string(head), "\r\n\r\n"), "\r\n")
	if strings.ContainsAny(string(head[:len(head)-2]), "\x00") || strings.Count(lines[0], " ") != 2 || !strings.HasSuffix(lines[0], " HTTP/1.1") && !strings.HasSuffix(lines[0], " HTTP/1.0") {
		return malformed("the request line is not HTTP/1.1")
	}
	seen := map[string]int{}
	encoding := ""
	for _, line := range lines[1:] {
		name, value, ok := strings.Cut(line, ":")
		if !ok || name == "" || strings.ContainsAny(line, "\r\n") {
			return malformed("a header line has no name")
		}
		for i := 0; i < len(name); i++ {
			if c := name[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("()<>@,;\\\"/[]?={}", c) >= 0 {
				return malformed("a header name holds %q", c)
			}
		}
		key := strings.ToLower(name)
		seen[key]++
		switch key {
		case "transfer-encoding":
			encoding = strings.ToLower(strings.TrimSpace(value))
		case "upgrade", "http2-settings":
			return malformed("a protocol upgrade is refused")
		}
	}
	for _, once := range [...]string{"host", "content-length", "transfer-encoding"} {
		if seen[once] > 1 {
			return malformed("header %q stands twice", once)
		}
	}
	if seen["content-length"] > 0 && seen["transfer-encoding"] > 0 {
		return malformed("the request gives its length in two ways")
	}
	if seen["transfer-encoding"] > 0 && encoding != "chunked" {
		return malformed("transfer encoding %q is not known", encoding)
	}
	return nil
}

// readRequest reads one request. Its body is read from r.
func readRequest(r *bufio.Reader) (*http.Request, error) {
	head, err := readHead(r)
	if err != nil {
		return nil, err
	}
	req, err := http.ReadRequest(bufio.NewReader(io.MultiReader(bytes.NewReader(head), r)))
	if err != nil {
		return nil, malformed("the request cannot be read")
	}
	return req, nil
}

// credentialHeaders carry an authority that was not injected here.
var credentialHeaders = [...]string{"authorization", "proxy-authorization", "cookie", "cookie2", "x-api-key", "api-key", "apikey", "x-auth-token", "x-auth-key",
	"x-access-token", "x-goog-api-key", "x-amz-security-token", "x-github-token", "private-token", "x-gitlab-token", "x-csrf-token", "x-session-token",
	"x-figma-token", "x-shopify-access-token", "x-vault-token", "x-token", "dd-api-key", "dd-application-key", "x-auth-email", "authentication", "x-subscription-token"}

// credentialWords make any other header name one.
var credentialWords = [...]string{"api-key", "apikey", "api_key", "secret", "password", "access-token", "auth-token", "session-token", "private-key"}

// credentialQuery are URL parameters that carry one.
var credentialQuery = [...]string{"access_token", "api_key", "apikey", "api-key", "token", "auth", "auth_token", "key", "secret", "password", "client_secret",
	"x-amz-signature", "x-amz-credential", "x-goog-signature", "sig", "signature", "private_token", "job_token"}

// foreignCredential names the credential that a request brings along, or "".
func foreignCredential(req *http.Request) string {
	for name := range req.Header {
		l := strings.ToLower(name)
		for _, c := range credentialHeaders {
			if l == c {
				return "header " + name
			}
		}
		for _, w := range credentialWords {
			if strings.Contains(l, w) {
				return "header " + name
			}
		}
	}
	return urlCredential(req.URL)
}

func urlCredential(u *url.URL) string {
	if u.User != nil {
		return "user information in the URL"
	}
	for name := range u.Query() {
		for _, c := range credentialQuery {
			if strings.EqualFold(name, c) {
				return fmt.Sprintf("URL parameter %q", name)
			}
		}
	}
	if botPath(u.EscapedPath()) {
		return "a bot token in the path"
	}
	return ""
}

// botPath: /bot123456:AA…/method.
func botPath(path string) bool {
	for seg := range strings.SplitSeq(path, "/") {
		rest, ok := strings.CutPrefix(seg, "bot")
		if !ok {
			continue
		}
		id, token, ok := strings.Cut(strings.ReplaceAll(rest, "%3A", ":"), ":")
		if ok && len(id) >= 5 && strings.Trim(id, "0123456789") == "" && len(token) >= 20 {
			return true
		}
	}
	return false
}

// hopHeaders belong to one connection.
var hopHeaders = [...]string{"Connection", "Proxy-Connection", "Keep-Alive", "Te", "Trailer", "Upgrade", "Proxy-Authenticate", "Proxy-Authorization"}

func dropHopHeaders(h http.Header) {
	for _, list := range h.Values("Connection") {
		for name := range strings.SplitSeq(list, ",") {
			if name = strings.TrimSpace(name); name != "" {
				h.Del(name)
			}
		}
	}
	for _, name := range hopHeaders {
		h.Del(name)
	}
}
