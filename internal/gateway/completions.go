package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// completionRequest is what is read of an OpenAI chat completion. Sampling
// parameters are the configuration's to choose and are not read.
type completionRequest struct {
	Model         string `json:"model"`
	Stream        bool   `json:"stream"`
	User          string `json:"user"`
	StreamOptions struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`
	Messages []struct {
		Role    string          `json:"role"`
		Content json.RawMessage `json:"content"`
	} `json:"messages"`
	Tools     []json.RawMessage `json:"tools"`
	Functions []json.RawMessage `json:"functions"`
}

// turn makes one message of a request. Everything but the last user message
// is what the caller says was said before: quoted data (R61).
func (q *completionRequest) turn(r *http.Request, by claw.Principal) (Turn, error) {
	t := Turn{Principal: by}
	if len(q.Tools)+len(q.Functions) > 0 {
		return t, &Fault{Kind: Invalid, Message: "tools and functions of a caller are not run here; agents have their own", Rule: "gateway.caller_tools"}
	}
	last := -1
	for i := range q.Messages {
		text, pictures, err := contentParts(q.Messages[i].Content)
		if err != nil {
			return t, invalid("messages[%d].content: %w", i, err)
		}
		t.Context = append(t.Context, Quoted{Role: clipText(q.Messages[i].Role), Text: text})
		if q.Messages[i].Role == "user" {
			last, t.Attachments = i, pictures
		}
	}
	if last < 0 || strings.TrimSpace(t.Context[last].Text) == "" && len(t.Attachments) == 0 {
		return t, invalid("messages holds no user message with text")
	}
	t.Message = t.Context[last].Text
	t.Context = slices.Delete(t.Context, last, last+1)
	id, err := agentOfModel(q.Model)
	if err != nil {
		return t, err
	}
	if h := r.Header.Get("X-Openclaw-Agent-Id"); h != "" {
		id = h
	}
	if r.Header.Get("X-Openclaw-Model") != "" {
		return t, &Fault{Kind: Refused, Message: "the backend model is the configuration's to choose", Rule: "gateway.caller_model"}
	}
	t.Agent = claw.AgentID(id)
	t.Session = claw.SessionKey(r.Header.Get("X-Openclaw-Session-Key"))
	if t.Session == "" && q.User != "" {
		sum := sha256.Sum256([]byte(q.User))
		t.Session = claw.SessionKey("openai-user:" + hex.EncodeToString(sum[:8]))
	}
	return t, nil
}

// contentParts joins the text parts of a content and decodes its pictures.
// Nothing is fetched: a picture comes within the request.
func contentParts(raw json.RawMessage) (text string, pictures []Attachment, err error) {
	if len(raw) == 0 || string(raw) == "null" {
		return "", nil, nil
	}
	if json.Unmarshal(raw, &text) == nil {
		return text, nil, nil
	}
	var parts []struct {
		Type  string `json:"type"`
		Text  string `json:"text"`
		Image struct {
			URL string `json:"url"`
		} `json:"image_url"`
	}
	if err := json.Unmarshal(raw, &parts); err != nil {
		return "", nil, errors.New("expected a text or a list of parts")
	}
	for _, p := range parts {
		switch p.Type {
		case "text", "input_text":
			text += p.Text
		case "image_url":
			head, data, ok := strings.Cut(p.Image.URL, ",")
			kind, isData := strings.CutPrefix(head, "data:")
			kind, isBase64 := strings.CutSuffix(kind, ";base64")
			if !ok || !isData || !isBase64 {
				return "", nil, errors.New("image_url.url is no data:…;base64 address; pictures are not fetched")
			}
			b, err := base64.StdEncoding.DecodeString(data)
			if err != nil {
				return "", nil, errors.New("image_url.url is not base64")
			}
			pictures = append(pictures, Attachment{Kind: clipText(kind), Data: b})
		default:
			return "", nil, fmt.Errorf("part of type %q is not read", clipText(p.Type))
		}
	}
	return text, pictures, nil
}

// agentOfModel reads openclaw, openclaw/default, openclaw/ID, openclaw:ID,
// agent:ID.
func agentOfModel(m string) (string, error) {
	switch m {
	case "", "openclaw", "openclaw/default":
		return "", nil
	}
	for _, prefix := range []string{"openclaw/", "openclaw:", "agent:"} {
		if id, ok := strings.CutPrefix(m, prefix); ok && id != "" {
			return id, nil
		}
	}
	return "", &Fault{Kind: NotFound, Message: fmt.Sprintf("no model %q; use openclaw or openclaw/AGENT", clipText(m))}
}

type completionChoice struct {
	Index        int                `json:"index"`
	Message      *completionMessage `json:"message,omitempty"`
	Delta        *completionMessage `json:"delta,omitempty"`
	FinishReason *string            `json:"finish_reason"`
}

type completionMessage struct {
	Role    string `json:"role,omitempty"`
	Content string `json:"content"`
}

type completionUsage struct {
	Prompt     int64 `json:"prompt_tokens"`
	Completion int64 `json:"completion_tokens"`
	Total      int64 `json:"total_tokens"`
}

type completion struct {
	ID      string             `json:"id"`
	Object  string             `json:"object"`
	Created int64              `json:"created"`
	Model   string             `json:"model"`
	Choices []completionChoice `json:"choices"`
	Usage   *completionUsage   `json:"usage,omitempty"`
}

func usageOf(u Usage) *completionUsage {
	return &completionUsage{Prompt: u.Input + u.CacheRead + u.CacheWrite, Completion: u.Output, Total: u.Total}
}

func (s *Server) chatCompletions(w http.ResponseWriter, r *http.Request, by claw.Principal) {
	var q completionRequest
	if !s.readBody(w, r, s.opt.MaxBody, &q) {
		return
	}
	t, err := q.turn(r, by)
	if err != nil {
		s.faultHTTP(w, r, err)
		return
	}
	t.Run = claw.RunID("chatcmpl-" + s.random(12))
	if t.Session == "" {
		t.Session = claw.SessionKey("openai:" + s.random(12))
	}
	rc := s.patient(w)
	ctx, cancel := context.WithTimeout(r.Context(), s.opt.CompletionLimit)
	defer cancel()
	c := completion{ID: string(t.Run), Created: s.opt.Now().Unix(), Model: q.Model}
	if c.Model == "" {
		c.Model = "openclaw"
	}
	if q.Stream {
		s.stream(ctx, &events{w: w, rc: rc, s: s}, r, t, c, q.StreamOptions.IncludeUsage)
		return
	}
	res, err := s.opt.Agent.Complete(ctx, t, nil)
	s.hurry(rc)
	if err == nil && res.State != Final {
		err = &Fault{Kind: Unavailable, Message: endText(res)}
	}
	if err != nil {
		s.faultHTTP(w, r, err)
		return
	}
	stop := "stop"
	c.Object, c.Usage = "chat.completion", usageOf(res.Usage)
	c.Choices = []completionChoice{{Message: &completionMessage{Role: "assistant", Content: res.Text}, FinishReason: &stop}}
	w.Header().Set("X-Openclaw-Session-Key", string(res.Session))
	writeJSON(w, http.StatusOK, c)
}

func endText(r RunResult) string {
	if r.Error != "" {
		return r.Error
	}
	return "the run ended without an answer (" + string(r.State) + ")"
}

// events is an answer in server-sent events. It is safe for concurrent use.
type events struct {
	w  http.ResponseWriter
	rc *http.ResponseController
	s  *Server

	mu    sync.Mutex
	begun bool
	err   error // of the first write that failed; nothing is written after it
}

// line sends one event; the first one sends the headers.
func (e *events) line(data []byte) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.begun {
		e.begun = true
		h := e.w.Header()
		h.Set("Content-Type", "text/event-stream; charset=utf-8")
		h.Set("Cache-Control", "no-store")
		h.Set("X-Accel-Buffering", "no")
		e.w.WriteHeader(http.StatusOK)
	}
	if e.err != nil {
		return e.err
	}
	e.s.hurry(e.rc)
	b := make([]byte, 0, len(data)+8)
	b = append(append(append(b, "data: "...), data...), "\n\n"...)
	if _, e.err = e.w.Write(b); e.err == nil {
		e.err = e.rc.Flush()
	}
	return e.err
}

func (e *events) started() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.begun
}

// stream answers with the pieces of a reply as they come. A client that went
// away, or does not read, ends the turn.
func (s *Server) stream(ctx context.Context, out *events, r *http.Request, t Turn, c completion, withUsage bool) {
	c.Object = "chat.completion.chunk"
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	put := func(m completionMessage, finish *string) {
		c := c
		c.Choices = []completionChoice{{Delta: &m, FinishReason: finish}}
		if out.line(mustJSON(c)) != nil {
			cancel()
		}
	}
	sent := 0
	res, err := s.opt.Agent.Complete(ctx, t, func(text string) {
		m := completionMessage{Content: text}
		if sent == 0 {
			m.Role = "assistant"
		}
		sent += len(text)
		put(m, nil)
	})
	if err == nil && res.State != Final {
		err = &Fault{Kind: Unavailable, Message: endText(res)}
	}
	if err != nil {
		if !out.started() {
			s.hurry(out.rc)
			s.faultHTTP(out.w, r, err)
			return
		}
		_ = out.line(mustJSON(apiError{apiErrorBody{Message: s.wireError("completion", err).Message, Type: "api_error"}}))
		return
	}
	if sent == 0 && res.Text != "" { // a reply that was held until it was decided
		put(completionMessage{Role: "assistant", Content: res.Text}, nil)
	}
	stop := "stop"
	put(completionMessage{}, &stop)
	if withUsage {
		c.Choices, c.Usage = []completionChoice{}, usageOf(res.Usage)
		_ = out.line(mustJSON(c)) // the client went away: nothing to do
	}
	_ = out.line([]byte("[DONE]"))
}

// faultHTTP tells an error as the API does.
func (s *Server) faultHTTP(w http.ResponseWriter, r *http.Request, err error) {
	var bad *paramsError
	var f *Fault
	switch {
	case errors.As(err, &bad):
		refuseHTTP(w, http.StatusBadRequest, "gateway.body", bad.Error())
	case errors.As(err, &f):
		status := map[FaultKind]int{Unavailable: http.StatusBadGateway, Invalid: http.StatusBadRequest, NotFound: http.StatusNotFound, Refused: http.StatusForbidden, Conflict: http.StatusConflict}[f.Kind]
		writeJSON(w, status, apiError{apiErrorBody{Message: f.Message, Type: errorType(status), Code: f.Rule, Hint: f.Hint}})
	default:
		e := s.wireError(r.URL.Path, err)
		refuseHTTP(w, http.StatusBadGateway, "gateway.failed", e.Message)
	}
}

type modelRow struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"`
	OwnedBy string `json:"owned_by"`
}

// models are the agents, as callers name them.
func (s *Server) modelRows() []modelRow {
	out := []modelRow{{ID: "openclaw", Object: "model", OwnedBy: "openclaw"}, {ID: "openclaw/default", Object: "model", OwnedBy: "openclaw"}}
	for _, a := range s.opt.Agent.Agents() {
		out = append(out, modelRow{ID: "openclaw/" + string(a.ID), Object: "model", OwnedBy: "openclaw"})
	}
	return out
}

// modelsBody is the encoded list, made anew once a second at most.
type modelsBody struct {
	until time.Time
	body  []byte
}

const modelsFor = time.Second

func (s *Server) modelList(w http.ResponseWriter, _ *http.Request, _ claw.Principal) {
	now, m := s.opt.Now(), s.models.Load()
	if m == nil || !now.Before(m.until) || m.until.Sub(now) > modelsFor {
		m = &modelsBody{now.Add(modelsFor), append(mustJSON(struct {
			Object string     `json:"object"`
			Data   []modelRow `json:"data"`
		}{"list", s.modelRows()}), '\n')}
		s.models.Store(m)
	}
	w.Header()["Content-Type"] = s.fixed.jsonType
	_, _ = w.Write(m.body) // the client went away: nothing to do
}

func (s *Server) modelGet(w http.ResponseWriter, r *http.Request, _ claw.Principal) {
	for _, m := range s.modelRows() {
		if m.ID == r.PathValue("id") {
			writeJSON(w, http.StatusOK, m)
			return
		}
	}
	refuseHTTP(w, http.StatusNotFound, "gateway.no_model", "no such model")
}

// hardDeny are tools that no HTTP caller runs unless gateway.tools.allow names
// them; policy has its say afterwards all the same.
func hardDeny() []string {
	return []string{"exec", "spawn", "shell", "fs_write", "fs_delete", "fs_move", "apply_patch", "write", "edit", "process", "sessions_spawn", "sessions_send", "cron", "gateway", "nodes", "whatsapp_login"}
}

func (s *Server) toolsInvoke(w http.ResponseWriter, r *http.Request, by claw.Principal) {
	if s.opt.Tools == nil {
		refuseHTTP(w, http.StatusNotFound, "gateway.no_tools", "tools are not built in")
		return
	}
	var q struct {
		Tool       string          `json:"tool"`
		Action     string          `json:"action"`
		Args       json.RawMessage `json:"args"`
		SessionKey claw.SessionKey `json:"sessionKey"`
		DryRun     bool            `json:"dryRun"`
	}
	if !s.readBody(w, r, s.opt.MaxBody, &q) {
		return
	}
	q.Tool = strings.ToLower(strings.TrimSpace(q.Tool))
	if q.Tool == "" {
		invokeError(w, http.StatusBadRequest, apiErrorBody{Type: "invalid_request", Message: "tool is required"})
		return
	}
	if slices.Contains(s.opt.ToolsDeny, q.Tool) || slices.Contains(hardDeny(), q.Tool) && !slices.Contains(s.opt.ToolsAllow, q.Tool) {
		invokeError(w, http.StatusNotFound, apiErrorBody{Type: "not_found", Code: "gateway.tools_deny", Message: fmt.Sprintf("tool %q is not available over HTTP", clipText(q.Tool)), Hint: "gateway.tools.allow takes a tool off this list"})
		return
	}
	if len(q.Args) == 0 || string(q.Args) == "null" {
		q.Args = json.RawMessage("{}")
	}
	rc := s.patient(w)
	out, err := s.opt.Tools.Invoke(r.Context(), Invocation{Tool: claw.ToolName(q.Tool), Args: q.Args, Session: q.SessionKey, Principal: by, Labels: claw.Untrusted})
	s.hurry(rc)
	switch {
	case err != nil:
		s.faultHTTP(w, r, err)
	case out.Approval != "":
		writeJSON(w, http.StatusForbidden, map[string]any{"ok": false, "requiresApproval": true, "approvalId": out.Approval,
			"error": apiErrorBody{Type: "approval_required", Code: out.Rule, Message: out.Reason, Hint: out.Hint}})
	case out.Verdict == "deny":
		invokeError(w, http.StatusNotFound, apiErrorBody{Type: "not_found", Code: out.Rule, Message: out.Reason, Hint: out.Hint})
	case out.IsError:
		invokeError(w, http.StatusInternalServerError, apiErrorBody{Type: "tool_error", Code: out.Rule, Message: out.Text})
	default:
		writeJSON(w, http.StatusOK, map[string]any{"ok": true, "result": map[string]any{"content": []Part{{Type: "text", Text: out.Text}}}})
	}
}

func invokeError(w http.ResponseWriter, status int, e apiErrorBody) {
	writeJSON(w, status, map[string]any{"ok": false, "error": e})
}
