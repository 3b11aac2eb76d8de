package gate

import (
	"context"
	"fmt"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/egress"
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
	// Readable turns a body into a title and text.
	Readable func(body []byte, contentType, url string) (title, text string, err error)
	// Wrap quotes text from outside.
	Wrap         func(text, source string) string
	OperatorSaid func(string) bool
	MaxChars     int
}

var _ tool.Web = Web{}

// DefaultWebChars bounds the text of a page.
const DefaultWebChars = 50000

// Fetch implements tool.Web.
func (w Web) Fetch(ctx context.Context, p policy.Permit, r tool.FetchRequest) (tool.Page, error) {
	carries := w.OperatorSaid == nil || !w.OperatorSaid(r.URL)
	res, err := w.Fetcher.Fetch(ctx, p, egress.FetchRequest{URL: r.URL, CarriesData: carries, Decide: func(_ context.Context, h policy.Host) policy.Step {
		return policy.JudgeHost(w.Rules.Egress, "web_fetch", w.Labels, h)
	}})
	if err != nil {
		return tool.Page{}, err
	}
	page := tool.Page{URL: res.URL, Status: res.Status, ContentType: res.ContentType, Cut: res.Cut}
	text := string(res.Body)
	if strings.Contains(res.ContentType, "html") {
		if page.Title, text, err = w.Readable(res.Body, res.ContentType, res.URL); err != nil {
			return tool.Page{}, fmt.Errorf("page %q: %w", res.URL, err)
		}
	}
	limit := w.MaxChars
	if limit <= 0 {
		limit = DefaultWebChars
	}
	if r.MaxChars > 0 && r.MaxChars < limit {
		limit = r.MaxChars
	}
	if cut := []rune(text); len(cut) > limit {
		text, page.Cut = string(cut[:limit]), true
	}
	page.Text = w.Wrap(text, "web page "+res.URL)
	page.Title = filter.Visible(page.Title)
	return page, nil
}
