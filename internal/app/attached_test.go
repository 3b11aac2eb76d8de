package app_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/openclaw-go/openclaw/internal/app"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gateway"
	"github.com/openclaw-go/openclaw/internal/model/modeltest"
)

// TestAttachedPictures: a picture reaches a model over each wire format and
// stays in the transcript; a model that takes none refuses it before anything
// is kept, and learns of earlier ones that they were there.
func TestAttachedPictures(t *testing.T) {
	picture := []byte("\x89PNG\r\n\x1a\n a small picture")
	coded := base64.StdEncoding.EncodeToString(picture)
	for api, serve := range map[string]func(testing.TB, ...modeltest.Turn) *modeltest.Server{
		"anthropic-messages": modeltest.NewAnthropic, "openai-completions": modeltest.NewOpenAI, "google-generative-ai": modeltest.NewGemini,
	} {
		t.Run(api, func(t *testing.T) {
			m := serve(t, modeltest.Say("I see it"), modeltest.Say("what picture?"))
			h := newHome(t)
			configure := func(input string) {
				h.configure(fmt.Sprintf(`{ gateway: { auth: { mode: "token", token: { source: "file", provider: "default", id: "/gateway/token" } } },
					models: { providers: { local: { baseUrl: %q, api: %q, apiKey: { source: "file", provider: "default", id: "/model" }, models: [ { id: "m1", input: %s } ] } } },
					agents: { list: [ { id: "main", default: true, model: "local/m1" } ] } }`, m.URL, api, input))
			}
			h.secret("model", modeltest.Key)
			configure(`["text", "image"]`)
			turn := gateway.Turn{Message: "look", Principal: owner, Attachments: []gateway.Attachment{{Name: "a.png", Kind: "image/png", Data: picture}}}
			a := h.openOnce()
			r, err := a.Agent().Complete(t.Context(), turn, nil)
			if err != nil || r.Text != "I see it" || !strings.Contains(string(m.Requests()[0].Body), coded) {
				t.Errorf("%+v, %v", r, err)
			}
			labels, err := a.LabelsOf(r.Session)
			if err != nil || !labels.Has(claw.Private) {
				t.Errorf("labels %v, %v", labels, err)
			}
			if err := a.Close(); err != nil {
				t.Fatal(err)
			}
			if got := holding(t, h.paths.State, coded); len(got) != 1 || !strings.HasSuffix(got[0], ".jsonl") {
				t.Errorf("the picture lies in %v", got)
			}
			configure(`["text"]`)
			a = h.openOnce()
			defer func() { _ = a.Close() }()
			var f *gateway.Fault
			if _, err := a.Agent().Complete(t.Context(), turn, nil); !errors.As(err, &f) || f.Rule != "gateway.no_pictures" || !strings.Contains(f.Message, "local/m1") {
				t.Errorf("%v", err)
			}
			turn.Attachments = nil
			if r, err := a.Agent().Complete(t.Context(), turn, nil); err != nil || r.Text != "what picture?" {
				t.Fatalf("%+v, %v", r, err)
			}
			last := m.Requests()[len(m.Requests())-1]
			if strings.Contains(string(last.Body), coded) || !strings.Contains(string(last.Body), "a picture was here") {
				t.Errorf("the model reads %s", last.Body)
			}
		})
	}
}

// openOnce opens the home; the test closes it.
func (h *home) openOnce() *app.App {
	h.t.Helper()
	a, err := app.Open(h.t.Context(), app.Options{Paths: h.paths, Version: "0.0.0-test", Getenv: h.getenv, By: owner, Accept: app.AcceptLooser})
	if err != nil {
		h.t.Fatal(err)
	}
	return a
}
