async def test_x(db, vault, clock):
    await vault.prepare("e")
    b = vault.seal("e", b"hi", table="t", row="r")
    assert await db.read(lambda tx: vault.open(tx, b, table="t", row="r")) == b"hi"
