package gate

import (
	"context"
	"fmt"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/egress"
	"github.com/openclaw-go/openclaw/internal/egress/page"
	"github.com/openclaw-go/openclaw/internal/filter"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/tool"
)

// Fetcher gets one page; *egress.Client is one.
type Fetcher interface {
	Fetch(ctx context.Context, p policy.Permit, r egress.FetchRequest) (egress.FetchResult, error)
}

// Web fetches pages for one call: every hop is judged under the rules and
// labels of its agent.
type Web struct {
	Fetcher Fetcher
	Rules   policy.Rules
	Labels  claw.Labels
	// Readable reduces an answer to its title and text.
	Readable     func(context.Context, egress.FetchResult, tool.FetchRequest) (page.Page, error)
	OperatorSaid func(string) bool
	MaxChars     int
}

var _ tool.Web = Web{}

// Fetch implements tool.Web.
func (w Web) Fetch(ctx context.Context, p policy.Permit, r tool.FetchRequest) (tool.Page, error) {
	carries := w.OperatorSaid == nil || !w.OperatorSaid(r.URL)
	res, err := w.Fetcher.Fetch(ctx, p, egress.FetchRequest{URL: r.URL, CarriesData: carries, Decide: func(_ context.Context, h policy.Host) policy.Step {
		return w.judge(h)
	}})
	if err != nil {
		return tool.Page{}, err
	}
	if r.MaxChars <= 0 || r.MaxChars > w.MaxChars {
		r.MaxChars = w.MaxChars
	}
	read, err := w.Readable(ctx, res, r)
	if err != nil {
		return tool.Page{}, fmt.Errorf("page %q: %w", res.URL, err)
	}
	return tool.Page{URL: res.URL, Title: filter.Visible(read.Title), Text: read.Text, ContentType: res.ContentType,
		Status: res.Status, Cut: res.Cut || read.Cut}, nil
}

// judge decides a hop. Where a redirect leads was chosen by the server, so under
// labels that do not let data out it is refused.
func (w Web) judge(h policy.Host) policy.Step {
	s := policy.JudgeHost(w.Rules.Egress, "web_fetch", w.Labels, h)
	if f := w.Rules.Flow.Live(0, w.Labels, h); f.Rule != "" && f.Verdict < s.Verdict {
		if f.Rule == "flow.private_untrusted_send" {
			f.Verdict = policy.Ask // the permit of the call stands for its own host
		}
		return f
	}
	return s
}
