package tool

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/cmdline"
	"github.com/openclaw-go/openclaw/internal/policy"
	"golang.org/x/net/idna"
)

//go:embed webfetch.md
var webFetchText string

// fetchMaxChars bounds the text of a page that goes to the model.
const fetchMaxChars = 50000

// WebFetch returns the tool "web_fetch": read one page.
func WebFetch() Tool { return webFetchTool{} }

type webFetchTool struct{}

type webFetchArgs struct {
	URL         string `json:"url"`
	ExtractMode string `json:"extractMode,omitempty"`
	MaxChars    int    `json:"maxChars,omitempty"`
}

func (webFetchTool) Name() claw.ToolName { return "web_fetch" }

func (webFetchTool) Spec() Spec {
	return Spec{Text: webFetchText, Schema: json.RawMessage(`{"type":"object","properties":{"url":{"type":"string"},"extractMode":{"type":"string","enum":["markdown","text"]},"maxChars":{"type":"integer","minimum":100}},"required":["url"],"additionalProperties":false}`)}
}

func (webFetchTool) Prepare(_ context.Context, s Scope, args json.RawMessage) (Prepared, error) {
	var a webFetchArgs
	if _, err := Decode(args, &a); err != nil {
		return Prepared{}, err
	}
	host, err := hostOf(a.URL)
	if err != nil {
		return Prepared{}, err
	}
	host.Method = "GET"
	host.CarriesData = s.OperatorSaid == nil || !s.OperatorSaid(a.URL)
	if a.MaxChars <= 0 || a.MaxChars > fetchMaxChars {
		a.MaxChars = fetchMaxChars
	}
	return Prepared{Arguments: canonical(a), Text: "fetch " + a.URL, Facts: policy.Facts{Understood: true, Hosts: []policy.Host{host}},
		Run: func(ctx context.Context, p policy.Permit) (Result, error) {
			page, err := s.Web.Fetch(ctx, p, FetchRequest{URL: a.URL, Text: a.ExtractMode == "text", MaxChars: a.MaxChars})
			if err != nil {
				return Result{Labels: claw.Untrusted, From: "web page " + host.Name}, err
			}
			text := fmt.Sprintf("%s\n%s (status %d)\n\n%s", page.Title, page.URL, page.Status, page.Text)
			return Result{Text: text, IsError: page.Status >= 400, Labels: claw.Untrusted, From: "web page " + host.Name, Content: true}, nil
		}}, nil
}

// hostOf reads an http(s) URL into the destination that policy judges.
func hostOf(raw string) (policy.Host, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return policy.Host{}, fmt.Errorf("url %q: not a URL", raw)
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return policy.Host{}, fmt.Errorf("url %q: scheme %q is not http or https", raw, u.Scheme)
	}
	if u.User != nil {
		return policy.Host{}, fmt.Errorf("url: a user name or password in a URL is refused")
	}
	name, err := idna.Lookup.ToASCII(strings.TrimSuffix(strings.ToLower(u.Hostname()), "."))
	if err != nil || name == "" {
		return policy.Host{}, fmt.Errorf("url %q: %q is not a host name", raw, u.Hostname())
	}
	port := 443
	if u.Scheme == "http" {
		port = 80
	}
	if p := u.Port(); p != "" {
		if port, err = strconv.Atoi(p); err != nil {
			return policy.Host{}, fmt.Errorf("url %q: bad port", raw)
		}
	}
	return policy.Host{Name: name, Port: port, Scheme: u.Scheme, Path: pathOf(u)}, nil
}

// pathOf is the path that is sent; an empty one is the root.
func pathOf(u *url.URL) string {
	if p := u.EscapedPath(); p != "" {
		return p
	}
	return "/"
}

// hosts are the destinations that a command line names. What a program sends
// there is not known, so each may carry data.
func hosts(line cmdline.Facts) []policy.Host {
	var out []policy.Host
	for _, h := range line.Hosts {
		out = append(out, policy.Host{Name: h, CarriesData: true})
	}
	return out
}
