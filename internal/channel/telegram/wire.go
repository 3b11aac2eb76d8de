package telegram

import (
	"encoding/json"
	"strconv"
)

// The parts of the Bot API's objects that are read. Ids are 64 bits; one that
// is missing is 0 and names nobody.

type update struct {
	ID       int64     `json:"update_id"`
	Message  *message  `json:"message"`
	Edited   *message  `json:"edited_message"`
	Callback *callback `json:"callback_query"`
}

type user struct {
	ID       int64  `json:"id"`
	IsBot    bool   `json:"is_bot"`
	First    string `json:"first_name"`
	Last     string `json:"last_name"`
	Username string `json:"username"`
}

type chat struct {
	ID    int64  `json:"id"`
	Type  string `json:"type"` // private, group, supergroup, channel
	Title string `json:"title"`
}

type entity struct {
	Type   string `json:"type"`
	Offset int    `json:"offset"` // UTF-16 units
	Length int    `json:"length"`
	User   *user  `json:"user"`
}

type message struct {
	ID            int64           `json:"message_id"`
	Thread        int64           `json:"message_thread_id"`
	Topic         bool            `json:"is_topic_message"`
	From          *user           `json:"from"`
	SenderChat    *chat           `json:"sender_chat"`
	Chat          chat            `json:"chat"`
	Date          int64           `json:"date"`
	EditDate      int64           `json:"edit_date"`
	Text          string          `json:"text"`
	Caption       string          `json:"caption"`
	Entities      []entity        `json:"entities"`
	CapEntities   []entity        `json:"caption_entities"`
	ReplyTo       *message        `json:"reply_to_message"`
	Quote         *textQuote      `json:"quote"`
	ExternalReply json.RawMessage `json:"external_reply"`
	ForwardOrigin json.RawMessage `json:"forward_origin"`
	ForwardDate   int64           `json:"forward_date"`
	ForwardFrom   *user           `json:"forward_from"`
	AutoForward   bool            `json:"is_automatic_forward"`
	ViaBot        *user           `json:"via_bot"`
	TopicCreated  json.RawMessage `json:"forum_topic_created"`
	MigrateTo     int64           `json:"migrate_to_chat_id"`

	Photo     []file `json:"photo"`
	Document  *file  `json:"document"`
	Audio     *file  `json:"audio"`
	Voice     *file  `json:"voice"`
	Video     *file  `json:"video"`
	VideoNote *file  `json:"video_note"`
	Animation *file  `json:"animation"`
	Sticker   *file  `json:"sticker"`
}

type textQuote struct {
	Text string `json:"text"`
}

type file struct {
	ID   string `json:"file_id"`
	Size int64  `json:"file_size"`
	Name string `json:"file_name"`
	MIME string `json:"mime_type"`
	Path string `json:"file_path"`
}

type callback struct {
	ID      string   `json:"id"`
	From    user     `json:"from"`
	Message *message `json:"message"`
	Data    string   `json:"data"`
}

// answer is what the Bot API sends back.
type answer struct {
	OK          bool            `json:"ok"`
	Result      json.RawMessage `json:"result"`
	Code        int             `json:"error_code"`
	Description string          `json:"description"`
	Parameters  struct {
		RetryAfter int   `json:"retry_after"`
		MigrateTo  int64 `json:"migrate_to_chat_id"`
	} `json:"parameters"`
}

// Requests.

type getUpdates struct {
	Offset  int64    `json:"offset,omitempty"`
	Limit   int      `json:"limit"`
	Timeout int      `json:"timeout"`
	Allowed []string `json:"allowed_updates"`
}

type sendMessage struct {
	Chat    json.RawMessage `json:"chat_id"`
	Thread  int64           `json:"message_thread_id,omitempty"`
	Text    string          `json:"text"`
	Preview noPreview       `json:"link_preview_options"`
	Reply   *replyTo        `json:"reply_parameters,omitempty"`
	Markup  *keyboard       `json:"reply_markup,omitempty"`
}

type editMessage struct {
	Chat    json.RawMessage `json:"chat_id"`
	ID      int64           `json:"message_id"`
	Text    string          `json:"text"`
	Preview noPreview       `json:"link_preview_options"`
	Markup  *keyboard       `json:"reply_markup,omitempty"`
}

// noPreview keeps the service from fetching a link of a text (R05).
type noPreview struct {
	Disabled bool `json:"is_disabled"`
}

type replyTo struct {
	ID      int64 `json:"message_id"`
	Missing bool  `json:"allow_sending_without_reply"`
}

type keyboard struct {
	Rows [][]button `json:"inline_keyboard"`
}

type button struct {
	Text string `json:"text"`
	Data string `json:"callback_data"`
}

func id(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}
