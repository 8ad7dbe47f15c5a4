#include "tutti/notebook/jupyter/message.h"

#include <gmock/gmock.h>

#include "tutti/base/error.h"

namespace tutti::jupyter {
namespace {

Message example() {
  Message message;
  message.identities = {"client", "more"};
  message.header = {{"msg_id", "1"}, {"msg_type", "execute_request"}};
  message.content = {{"code", "1 + 1"}};
  message.buffers = {std::string("a\0b", 3)};
  return message;
}

TEST(Messages, ComeBackAsTheyWere) {
  const Signer signer("hmac-sha256", "secret");
  const std::optional<Message> got = unpack(pack(example(), signer), signer);
  ASSERT_TRUE(got);
  EXPECT_EQ(got->identities, example().identities);
  EXPECT_EQ(got->type(), "execute_request");
  EXPECT_EQ(got->content, example().content);
  EXPECT_EQ(got->buffers, example().buffers);
}

TEST(Messages, ASignatureIsTheHmacOfTheParts) {
  // echo -n 'The quick brown fox jumps over the lazy dog' | openssl dgst -sha256 -hmac key
  EXPECT_EQ(Signer("hmac-sha256", "key").sign({"The quick brown fox ", "jumps over the lazy dog"}),
            "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8");
  EXPECT_EQ(Signer("hmac-sha256", "").sign({"a"}), "");
  EXPECT_THROW(Signer("rot13", "key"), Error);
}

TEST(Messages, WrongOnesAreDropped) {
  const Signer signer("hmac-sha256", "secret");
  const Frames good = pack(example(), signer);
  EXPECT_FALSE(unpack(good, Signer("hmac-sha256", "other")));
  for (std::size_t i = 2; i < good.size() - 1; ++i) {  // delimiter, signature, parts; a buffer is not signed
    Frames bad = good;
    bad[i] += " ";
    EXPECT_FALSE(unpack(bad, signer)) << i;
  }
  for (std::size_t size = 0; size < good.size() - 1; ++size)
    EXPECT_FALSE(unpack({good.begin(), good.begin() + static_cast<long>(size)}, signer));
  const Signer none("", "");
  EXPECT_FALSE(unpack({"<IDS|MSG>", "", "{", "{}", "{}", "{}"}, none));
  EXPECT_FALSE(unpack({"<IDS|MSG>", "", "[]", "{}", "{}", "{}"}, none));
  EXPECT_FALSE(unpack({"<IDS|MSG>", "", "{\"msg_type\": 1}", "{}", "{}", "{}"}, none));
  EXPECT_TRUE(unpack({"<IDS|MSG>", "", "{\"msg_type\": \"x\"}", "{}", "{}", "{}"}, none));
}

TEST(Messages, IdsAreUuids) {
  EXPECT_THAT(make_id(), testing::MatchesRegex("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"));
  EXPECT_NE(make_id(), make_id());
}

}  // namespace
}  // namespace tutti::jupyter
