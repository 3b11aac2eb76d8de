package telegramtest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/openclaw-go/openclaw/internal/channel"
	"github.com/openclaw-go/openclaw/internal/channel/channeltest"
)

func (s *Server) dispatch(w http.ResponseWriter, r *http.Request, method string, body []byte) {
	switch method {
	case "getMe":
		done(w, map[string]any{"id": BotID, "is_bot": true, "first_name": "Claw", "username": BotName})
	case "getUpdates":
		s.getUpdates(w, r, body)
	case "sendMessage":
		s.sendMessage(w, body)
	case "editMessageText":
		s.edit(w, body)
	case "sendDocument", "sendPhoto":
		s.upload(w, r, method)
	case "getFile":
		s.getFile(w, body)
	case "answerCallbackQuery":
		var q struct {
			ID   string `json:"callback_query_id"`
			Text string `json:"text"`
		}
		if json.Unmarshal(body, &q) != nil || !strings.HasPrefix(q.ID, "cb") {
			refuse(w, http.StatusBadRequest, "Bad Request: query is too old and response timeout expired or query ID is invalid")
			return
		}
		s.mu.Lock()
		s.told = append(s.told, q.Text)
		s.mu.Unlock()
		done(w, true)
	case "setWebhook":
		var q struct{ URL, Secret string }
		var raw map[string]any
		_ = json.Unmarshal(body, &raw)
		q.URL, _ = raw["url"].(string)
		q.Secret, _ = raw["secret_token"].(string)
		s.mu.Lock()
		s.webhook = webhook{q.URL, q.Secret}
		s.mu.Unlock()
		done(w, true)
	case "deleteWebhook":
		s.mu.Lock()
		s.webhook = webhook{}
		s.mu.Unlock()
		done(w, true)
	case "setMyCommands", "sendChatAction":
		done(w, true)
	default:
		refuse(w, http.StatusNotFound, "Not Found")
	}
}

// Webhook that the bot has set.
func (s *Server) Webhook() (url, secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.webhook.url, s.webhook.secret
}

// Waiting gives the updates that no poll took yet, as a webhook gets them.
func (s *Server) Waiting() []json.RawMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []json.RawMessage
	for _, q := range s.updates {
		if q.id >= s.offset {
			out = append(out, q.raw)
		}
	}
	return out
}

// getUpdates waits as the real one does; a second poll ends the first.
func (s *Server) getUpdates(w http.ResponseWriter, r *http.Request, body []byte) {
	var q struct {
		Offset  int64    `json:"offset"`
		Limit   int      `json:"limit"`
		Timeout int      `json:"timeout"`
		Allowed []string `json:"allowed_updates"`
	}
	if err := json.Unmarshal(body, &q); err != nil || q.Limit < 1 || q.Limit > 100 {
		refuse(w, http.StatusBadRequest, "Bad Request: wrong parameters")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), time.Duration(q.Timeout)*time.Second)
	defer cancel()
	s.mu.Lock()
	if s.webhook.url != "" {
		s.mu.Unlock()
		refuse(w, http.StatusConflict, "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first")
		return
	}
	if s.poll != nil {
		s.poll()
	}
	mine, end := context.WithCancel(ctx)
	defer end()
	s.poll = end
	if q.Offset > s.offset {
		s.offset = q.Offset
	}
	for {
		out := s.due(q.Limit)
		wake := s.wake
		if len(out) > 0 || q.Timeout == 0 {
			s.mu.Unlock()
			done(w, out)
			return
		}
		s.mu.Unlock()
		select {
		case <-wake:
		case <-mine.Done():
			if ctx.Err() == nil { // ended by another poll or a fault
				if s.faulty(w, "getUpdates") {
					return
				}
				refuse(w, http.StatusConflict, "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running")
				return
			}
			done(w, []any{})
			return
		}
		s.mu.Lock()
	}
}

// due gives what waits. The caller holds mu.
func (s *Server) due(limit int) []json.RawMessage {
	out := []json.RawMessage{}
	kept := s.updates[:0:0]
	for _, q := range s.updates {
		switch {
		case len(out) >= limit:
			kept = append(kept, q)
		case q.forced:
			out = append(out, q.raw)
		case q.id == 0:
			out = append(out, q.raw)
		case q.id >= s.offset:
			out = append(out, q.raw)
			kept = append(kept, q)
		default:
			kept = append(kept, q) // confirmed; kept for Again
		}
	}
	s.updates = kept
	return out
}

type outgoing struct {
	Chat    json.Number `json:"chat_id"`
	Thread  int64       `json:"message_thread_id"`
	ID      int64       `json:"message_id"`
	Text    string      `json:"text"`
	Preview struct {
		Disabled bool `json:"is_disabled"`
	} `json:"link_preview_options"`
	Markup *struct {
		Rows [][]struct {
			Text string `json:"text"`
			Data string `json:"callback_data"`
		} `json:"inline_keyboard"`
	} `json:"reply_markup"`
}

// check refuses as the real one does.
func check(w http.ResponseWriter, body []byte) (o outgoing, buttons []channel.Button, ok bool) {
	if err := json.Unmarshal(body, &o); err != nil {
		refuse(w, http.StatusBadRequest, "Bad Request: can't parse parameters")
		return o, nil, false
	}
	if _, err := o.Chat.Int64(); err != nil {
		refuse(w, http.StatusBadRequest, "Bad Request: chat not found")
		return o, nil, false
	}
	if strings.TrimSpace(o.Text) == "" {
		refuse(w, http.StatusBadRequest, "Bad Request: message text is empty")
		return o, nil, false
	}
	if channel.UTF16(o.Text) > maxText {
		refuse(w, http.StatusBadRequest, "Bad Request: message is too long")
		return o, nil, false
	}
	if o.Thread == 1 {
		refuse(w, http.StatusBadRequest, "Bad Request: message thread not found")
		return o, nil, false
	}
	if o.Markup != nil {
		for _, row := range o.Markup.Rows {
			for _, x := range row {
				if len(x.Data) == 0 || len(x.Data) > 64 {
					refuse(w, http.StatusBadRequest, "Bad Request: BUTTON_DATA_INVALID")
					return o, nil, false
				}
				buttons = append(buttons, channel.Button{Text: x.Text, Data: x.Data})
			}
		}
	}
	return o, buttons, true
}

func (o outgoing) target() channel.Target {
	t := o.Chat.String()
	if o.Thread != 0 {
		t += fmt.Sprint(":topic:", o.Thread)
	}
	return channel.Target(t)
}

func (s *Server) sendMessage(w http.ResponseWriter, body []byte) {
	o, buttons, ok := check(w, body)
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nextMsg++
	s.sent = append(s.sent, channeltest.Sent{To: o.target(), ID: fmt.Sprint(s.nextMsg), Text: o.Text, Buttons: buttons, Preview: !o.Preview.Disabled})
	done(w, map[string]any{"message_id": s.nextMsg, "date": time.Now().Unix(), "chat": map[string]any{"id": o.Chat, "type": "private"}, "text": o.Text})
}

func (s *Server) edit(w http.ResponseWriter, body []byte) {
	o, buttons, ok := check(w, body)
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.sent {
		m := &s.sent[i]
		if m.ID != fmt.Sprint(o.ID) {
			continue
		}
		if m.Text == o.Text && len(m.Buttons) == len(buttons) {
			refuse(w, http.StatusBadRequest, "Bad Request: message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message")
			return
		}
		m.Text, m.Buttons, m.Preview = o.Text, buttons, m.Preview || !o.Preview.Disabled
		m.Edited++
		done(w, map[string]any{"message_id": o.ID, "date": time.Now().Unix(), "chat": map[string]any{"id": o.Chat, "type": "private"}})
		return
	}
	refuse(w, http.StatusBadRequest, "Bad Request: message to edit not found")
}

func (s *Server) upload(w http.ResponseWriter, r *http.Request, method string) {
	if err := r.ParseMultipartForm(64 << 20); err != nil {
		refuse(w, http.StatusBadRequest, "Bad Request: wrong file")
		return
	}
	field := "document"
	if method == "sendPhoto" {
		field = "photo"
	}
	f, _, err := r.FormFile(field)
	if err != nil {
		refuse(w, http.StatusBadRequest, "Bad Request: there is no "+field+" in the request")
		return
	}
	data, err := io.ReadAll(f)
	if err != nil {
		refuse(w, http.StatusBadRequest, "Bad Request")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nextMsg++
	s.sent = append(s.sent, channeltest.Sent{To: channel.Target(r.FormValue("chat_id")), ID: fmt.Sprint(s.nextMsg), File: data})
	done(w, map[string]any{"message_id": s.nextMsg, "date": time.Now().Unix(), "chat": map[string]any{"id": json.Number(r.FormValue("chat_id")), "type": "private"}})
}

func (s *Server) getFile(w http.ResponseWriter, body []byte) {
	var q struct {
		ID string `json:"file_id"`
	}
	_ = json.Unmarshal(body, &q)
	s.mu.Lock()
	data, ok := s.files[q.ID]
	s.mu.Unlock()
	if !ok {
		refuse(w, http.StatusBadRequest, "Bad Request: invalid file_id")
		return
	}
	done(w, map[string]any{"file_id": q.ID, "file_size": len(data), "file_path": "documents/" + q.ID})
}
