package telegram

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime/multipart"
	"strconv"
	"strings"

	"github.com/openclaw-go/openclaw/internal/channel"
)

// place is where a message goes.
type place struct {
	chat   json.RawMessage
	id     string
	thread int64
}

// ParseTarget reads "123", "-1001" or "-1001:topic:42". Names are refused: they
// change hands.
func ParseTarget(t channel.Target) (chat, thread int64, err error) {
	s := strings.TrimPrefix(strings.TrimPrefix(string(t), "telegram:"), "tg:")
	s, topic, threaded := strings.Cut(s, ":topic:")
	if chat, err = strconv.ParseInt(s, 10, 64); err != nil || chat == 0 || strings.HasPrefix(s, "+") {
		return 0, 0, fmt.Errorf("telegram: %w: %q is not the number of a chat", channel.ErrTarget, t)
	}
	if threaded {
		if thread, err = strconv.ParseInt(topic, 10, 64); err != nil || thread <= 0 {
			return 0, 0, fmt.Errorf("telegram: %w: %q is not the number of a topic", channel.ErrTarget, topic)
		}
	}
	if thread == generalTopic {
		thread = 0
	}
	return chat, thread, nil
}

func placeOf(t channel.Target) (place, error) {
	chat, thread, err := ParseTarget(t)
	if err != nil {
		return place{}, err
	}
	return place{chat: json.RawMessage(id(chat)), id: id(chat), thread: thread}, nil
}

// Send implements channel.Channel.
func (b *Bot) Send(ctx context.Context, to channel.Target, o channel.Outgoing) ([]channel.Ref, error) {
	p, err := placeOf(to)
	if err != nil {
		return nil, err
	}
	var out []channel.Ref
	for i, piece := range channel.Split(o.Text, TextLimit, channel.UTF16) {
		m := sendMessage{Chat: p.chat, Thread: p.thread, Text: piece, Preview: noPreview{true}}
		if n, err := strconv.ParseInt(o.Answers, 10, 64); err == nil && i == 0 && n > 0 {
			m.Reply = &replyTo{ID: n, Missing: true}
		}
		ref, err := b.send(ctx, to, p, m)
		if err != nil {
			return out, err
		}
		out = append(out, ref)
	}
	for _, f := range o.Files {
		ref, err := b.upload(ctx, to, p, f)
		if err != nil {
			return out, err
		}
		out = append(out, ref)
	}
	return out, nil
}

func (b *Bot) send(ctx context.Context, to channel.Target, p place, m sendMessage) (channel.Ref, error) {
	var sent message
	err := b.patient(ctx, func() error {
		err := b.call(ctx, "sendMessage", m, &sent)
		var api *apiError
		if errors.As(err, &api) && api.migrate != 0 { // the group became another one
			m.Chat = json.RawMessage(id(api.migrate))
			return b.call(ctx, "sendMessage", m, &sent)
		}
		return err
	})
	if err != nil {
		return channel.Ref{}, err
	}
	chat := id(sent.Chat.ID)
	if chat == "" {
		chat = p.id
	}
	return channel.Ref{To: to, Chat: chat, ID: id(sent.ID)}, nil
}

// upload sends a file; a picture is shown as one.
func (b *Bot) upload(ctx context.Context, to channel.Target, p place, f channel.Outfile) (channel.Ref, error) {
	if int64(len(f.Data)) > b.conf.MaxFile {
		return channel.Ref{}, fmt.Errorf("telegram: %w: %q has %d bytes, at most %d", channel.ErrTooLarge, f.Name, len(f.Data), b.conf.MaxFile)
	}
	method, field := "sendDocument", "document"
	switch f.MIME {
	case "image/png", "image/jpeg", "image/webp":
		method, field = "sendPhoto", "photo"
	}
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	err := w.WriteField("chat_id", p.id)
	if p.thread != 0 && err == nil {
		err = w.WriteField("message_thread_id", id(p.thread))
	}
	if err != nil {
		return channel.Ref{}, err
	}
	part, err := w.CreateFormFile(field, f.Name)
	if err != nil {
		return channel.Ref{}, err
	}
	if _, err = part.Write(f.Data); err != nil {
		return channel.Ref{}, err
	}
	if err = w.Close(); err != nil {
		return channel.Ref{}, err
	}
	var sent message
	err = b.patient(ctx, func() error {
		return b.post(ctx, method, w.FormDataContentType(), body.Bytes(), callBytes, &sent)
	})
	return channel.Ref{To: to, Chat: p.id, ID: id(sent.ID)}, err
}

// Edit implements channel.Editor. The text must fit into one message.
func (b *Bot) Edit(ctx context.Context, r channel.Ref, text string) error {
	return b.edit(ctx, r, text, nil)
}

func (b *Bot) edit(ctx context.Context, r channel.Ref, text string, k *keyboard) error {
	n, err := strconv.ParseInt(r.ID, 10, 64)
	c, cerr := strconv.ParseInt(r.Chat, 10, 64)
	if err != nil || cerr != nil || n <= 0 || c == 0 {
		return fmt.Errorf("telegram: %w: message %q of chat %q", channel.ErrTarget, r.ID, r.Chat)
	}
	if channel.UTF16(text) > TextLimit || strings.TrimSpace(text) == "" {
		return fmt.Errorf("telegram: %w: an edited text has 1 to %d characters", channel.ErrRefused, TextLimit)
	}
	err = b.patient(ctx, func() error {
		return b.call(ctx, "editMessageText", editMessage{Chat: json.RawMessage(id(c)), ID: n, Text: text, Preview: noPreview{true}, Markup: k}, nil)
	})
	var api *apiError
	if errors.As(err, &api) && strings.Contains(api.text, "message is not modified") {
		return nil
	}
	return err
}

// Ask implements channel.Asker.
func (b *Bot) Ask(ctx context.Context, to channel.Target, text string, buttons []channel.Button) (channel.Ref, error) {
	p, err := placeOf(to)
	if err != nil {
		return channel.Ref{}, err
	}
	if channel.UTF16(text) > TextLimit {
		return channel.Ref{}, fmt.Errorf("telegram: %w: a question has at most %d characters", channel.ErrRefused, TextLimit)
	}
	k := &keyboard{Rows: [][]button{{}}}
	for _, x := range buttons {
		if len(x.Data) > channel.MaxData || x.Data == "" {
			return channel.Ref{}, fmt.Errorf("telegram: %w: a button carries 1 to %d bytes", channel.ErrRefused, channel.MaxData)
		}
		k.Rows[0] = append(k.Rows[0], button(x))
	}
	if len(buttons) == 0 {
		k = nil
	}
	return b.send(ctx, to, p, sendMessage{Chat: p.chat, Thread: p.thread, Text: text, Preview: noPreview{true}, Markup: k})
}

// Settle implements channel.Asker.
func (b *Bot) Settle(ctx context.Context, r channel.Ref, text string) error {
	return b.edit(ctx, r, text, &keyboard{Rows: [][]button{}})
}

// Typing implements channel.Typist.
func (b *Bot) Typing(ctx context.Context, to channel.Target) error {
	p, err := placeOf(to)
	if err != nil {
		return err
	}
	params := map[string]any{"chat_id": p.chat, "action": "typing"}
	if p.thread != 0 {
		params["message_thread_id"] = p.thread
	}
	return b.call(ctx, "sendChatAction", params, nil)
}
