"""The wallets' own gateways, as a merchant's program meets them: for the rails that speak to them directly.

    till (orders, payers, refunds: who has paid what) ← wechat (API v3) · alipay (OpenAPI) ← server (HTTPS)

Each takes bytes and gives bytes: it checks who asks and that nobody has changed what was asked, and signs what it
answers. `Mood` is what it does on a bad day. The forms are those of the wallets' public documents as two published
libraries speak them; nobody has set these gateways beside the real ones.
"""
