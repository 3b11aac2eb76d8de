package skill

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Registry speaks the HTTP API of a registry of skills. It follows no
// redirect: the client that it is given knows one origin.
type Registry struct {
	// Base is "https://host" or "https://host/path".
	Base string
	// Client reaches Base's origin and nothing else.
	Client *http.Client
}

// Listed is a skill as a registry lists it.
type Listed struct {
	Slug        string `json:"slug"`
	DisplayName string `json:"displayName,omitempty"`
	Summary     string `json:"summary,omitempty"`
	Version     string `json:"version,omitempty"`
	Owner       string `json:"ownerHandle,omitempty"`
}

// Published is what a registry says of one skill.
type Published struct {
	Listed
	// Notes are what the registry holds against it.
	Notes []string `json:"notes,omitempty"`
}

const (
	maxAnswer   = 4 << 20
	maxSearch   = 50
	maxErrorLen = 200
)

// Search asks for skills by words.
func (r Registry) Search(ctx context.Context, words string) ([]Listed, error) {
	var out struct {
		Results []struct {
			Listed
			Owner struct {
				Handle string `json:"handle"`
			} `json:"owner"`
		} `json:"results"`
	}
	if err := r.json(ctx, "search", url.Values{"q": {words}, "limit": {strconv.Itoa(maxSearch)}}, &out); err != nil {
		return nil, err
	}
	list := []Listed{}
	for _, x := range out.Results[:min(len(out.Results), maxSearch)] {
		if x.Listed.Owner == "" {
			x.Listed.Owner = x.Owner.Handle
		}
		list = append(list, x.Listed)
	}
	return list, nil
}

// Published asks for one skill. A skill that the registry has blocked is a
// *Refusal.
func (r Registry) Published(ctx context.Context, slug, owner string) (Published, error) {
	var out struct {
		Skill         Listed `json:"skill"`
		LatestVersion struct {
			Version string `json:"version"`
		} `json:"latestVersion"`
		Owner struct {
			Handle string `json:"handle"`
		} `json:"owner"`
		Moderation *struct {
			Suspicious  bool     `json:"isSuspicious"`
			Blocked     bool     `json:"isMalwareBlocked"`
			Verdict     string   `json:"verdict"`
			ReasonCodes []string `json:"reasonCodes"`
			Summary     string   `json:"summary"`
		} `json:"moderation"`
	}
	q := url.Values{}
	if owner != "" {
		q.Set("ownerHandle", owner)
	}
	if err := r.json(ctx, "skills/"+url.PathEscape(slug), q, &out); err != nil {
		return Published{}, err
	}
	p := Published{Listed: out.Skill}
	p.Slug, p.Version = slug, out.LatestVersion.Version
	if p.Owner == "" {
		p.Owner = out.Owner.Handle
	}
	if owner != "" && !strings.EqualFold(owner, p.Owner) {
		return p, refuse(RuleBadName, "", "the registry says that %q is of %q, expected %q", slug, p.Owner, owner)
	}
	if m := out.Moderation; m != nil {
		if m.Blocked || m.Verdict == "malicious" {
			return p, refuse(RuleModerated, "", "the registry has blocked %q: %s %s", slug, m.Summary, strings.Join(m.ReasonCodes, ", "))
		}
		if m.Suspicious || m.Verdict == "suspicious" {
			p.Notes = append(p.Notes, strings.TrimSpace("the registry calls it suspicious: "+m.Summary+" "+strings.Join(m.ReasonCodes, ", ")))
		}
	}
	return p, nil
}

// Download fetches the archive of one version.
func (r Registry) Download(ctx context.Context, slug, version string) ([]byte, error) {
	b, kind, err := r.get(ctx, "download", url.Values{"slug": {slug}, "version": {version}}, MaxArchive)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(kind, "application/json") {
		var at struct {
			Repo   string `json:"repo"`
			Commit string `json:"commit"`
			Path   string `json:"path"`
		}
		if json.Unmarshal(b, &at) == nil && at.Repo != "" {
			arg := "git:" + at.Repo + "@" + at.Commit
			if at.Path != "" {
				arg += "#" + at.Path
			}
			return nil, &Refusal{Rule: RuleArchive, Why: fmt.Sprintf("the registry keeps %q elsewhere", slug), Hint: "openclaw skill install " + arg}
		}
		return nil, refuse(RuleArchive, "", "the registry answered with JSON, expected an archive")
	}
	return b, nil
}

func (r Registry) json(ctx context.Context, call string, q url.Values, v any) error {
	b, _, err := r.get(ctx, call, q, maxAnswer)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("registry %s: %s: no JSON that is understood: %w", r.Base, call, err)
	}
	return nil
}

func (r Registry) get(ctx context.Context, call string, q url.Values, limit int64) (body []byte, kind string, err error) {
	u := strings.TrimRight(r.Base, "/")
	if !strings.HasSuffix(u, "/api/v1") {
		u += "/api/v1"
	}
	u += "/" + call
	if len(q) > 0 {
		u += "?" + q.Encode()
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u, nil)
	if err != nil {
		return nil, "", err
	}
	res, err := r.Client.Do(req)
	if err != nil {
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err
		}
		return nil, "", fmt.Errorf("registry %s: %w", r.Base, err)
	}
	defer res.Body.Close()
	body, err = io.ReadAll(io.LimitReader(res.Body, limit+1))
	if err != nil {
		return nil, "", fmt.Errorf("registry %s: %s: %w", r.Base, call, err)
	}
	if res.StatusCode != http.StatusOK {
		return nil, "", r.failed(call, res, body)
	}
	if int64(len(body)) > limit {
		return nil, "", refuse(RuleTooLarge, "", "the registry's answer has more than %d bytes", limit)
	}
	return body, res.Header.Get("Content-Type"), nil
}

// failed says what the registry said; its text may be anything.
func (r Registry) failed(call string, res *http.Response, body []byte) error {
	text := string(bytes.TrimSpace(body[:min(len(body), maxErrorLen)]))
	switch res.StatusCode {
	case http.StatusTooManyRequests:
		return fmt.Errorf("registry %s: asked too often; again in %s s", r.Base, res.Header.Get("Retry-After"))
	case http.StatusNotFound:
		return fmt.Errorf("registry %s: %s: not found", r.Base, call)
	case http.StatusGone:
		return fmt.Errorf("registry %s: %s: it was deleted there", r.Base, call)
	}
	return fmt.Errorf("registry %s: %s: %s: %q", r.Base, call, res.Status, text)
}
