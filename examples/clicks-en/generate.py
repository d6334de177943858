"""Generate the English example: a click log of a home and garden shop with a help centre.

Run it to write clicks.tsv and heldout.tsv beside this file; with --check it only compares.
The tables hold `name | query wordings | title wordings`; brands are invented.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from clicklog import Catalogue, Plan, Wording, main, products, questions, slot, wordings

PLAN = Plan(seed=20240612, queries=1380, heldout_queries=135, concepts_per_head=10)

COLOUR = """
black | black, jet black | ebony, onyx black
white | white, plain white | ivory, snow white
grey | grey, gray, dark grey | slate, stone gray
blue | blue, dark blue, navy | navy, midnight blue
green | green, dark green | sage, forest green
red | red, bright red | crimson, burgundy red
yellow | yellow, bright yellow | mustard, sunflower yellow
brown | brown, dark brown | chestnut, chocolate brown
pink | pink, light pink | blush, dusty pink
"""

MATERIAL = """
leather | leather, real leather | full-grain hide, genuine leather
fabric | fabric, cloth | woven textile, woven cloth
velvet | velvet, plush velvet | velour, crushed velvet
wood | wooden, wood, timber | solid oak, hardwood
metal | metal, steel | iron, powder-coated steel
plastic | plastic, pvc | resin, polypropylene
glass | glass, clear glass | tempered glass, toughened glass
cotton | cotton, pure cotton | percale, 100% cotton
linen | linen, flax | french flax, washed linen
rattan | wicker, rattan, cane | woven rattan, wicker weave
ceramic | ceramic, china | stoneware, porcelain, glazed ceramic
stainless | stainless steel, stainless | inox, 18/10 steel
castiron | cast iron, iron | enamelled iron, pre-seasoned cast iron
copper | copper | hammered copper, copper-bottomed
bamboo | bamboo | moso bamboo, bamboo fibre
terracotta | clay, terracotta | fired clay, terracotta
"""

SIZE = """
4ft | 4 ft, 4 foot, four foot | 48 in, 122 cm, 4-ft
5ft | 5 ft, 5 foot, five foot | 60 in, 152 cm, 5-ft
6ft | 6 ft, 6 foot, six foot | 72 in, 183 cm, 6-ft
8ft | 8 ft, 8 foot, eight foot | 96 in, 244 cm, 8-ft
25ft | 25 ft, 25 foot | 7.5 m, 25-ft
50ft | 50 ft, 50 foot | 15 m, 50-ft
100ft | 100 ft, 100 foot | 30 m, 100-ft
8in | 8 inch, small | 20 cm, 8 in
10in | 10 inch, medium | 25 cm, 10 in
12in | 12 inch, large | 30 cm, 12 in
single | single, twin | twin size, 39 in
double | double, full size | full, 54 in
queen | queen, queen size | 60 in queen, 150 cm
king | king size, king, kingsize | 76 in king, 180 cm
two | two seater, 2 seat, two person | loveseat-size, 2-seater
three | three seater, 3 seat, three person | 3-seater, family-size
rug4 | 4x6, 4 by 6 | 4 x 6 ft, 120 x 180 cm
rug5 | 5x8, 5 by 8 | 5 x 8 ft, 150 x 240 cm
rug8 | 8x10, 8 by 10 | 8 x 10 ft, 240 x 300 cm
mini | mini, small, tiny | compact, space-saving
family | big, large, family | high-capacity, family-size
"""

VOLUME = """
13gal | 13 gallon, 50 litre | 50 L, 13-gal
8gal | 8 gallon, 30 litre | 30 L, 8-gal
3qt | 3 quart, 3 qt | 2.8 L, 3-qt
6qt | 6 quart, 6 qt | 5.7 L, 6-qt
7cup | 7 cup, big | 1.7 L, 7-cup
4cup | 4 cup, little | 1 L, 4-cup
two | 2 slice, two slice | 2-slot, twin-slot
four | 4 slice, four slice | 4-slot, quad-slot
"""

POWER = """
battery | battery, cordless, rechargeable | 40V lithium, cordless
petrol | gas, petrol, gas powered | 4-stroke, petrol
mains | electric, plug in, corded | mains-powered, corded
charcoal | charcoal, coal | charcoal, briquette
propane | gas, propane | propane, 3-burner gas
"""

FEEL = """
soft | soft, squishy | plush, pillow-top
firm | firm, hard | extra-firm, orthopaedic
summer | summer, thin, light | lightweight 4.5 tog, cooling
winter | winter, thick, warm | heavyweight, 13.5 tog
round | round, circle | circular, round
tall | full length, tall | full-length, floor-standing
square | square | four-sided, square
"""

PET = """
dog | dog, dogs, puppy | canine, dog, pup
cat | cat, cats, kitten | feline, kitty, cat
rabbit | rabbit, bunny | small-animal, bunny
"""

BRAND = """
brimlo | brimlo, brimlow | Brimlo
tervano | tervano, ter vano | Tervano
hushwick | hushwick, hush wick | Hushwick
oxbarrow | oxbarrow | Oxbarrow
"""

ROOM = """
kitchen | for kitchen, for the kitchen | for kitchens & dining, for kitchen diners
bath | for bathroom, for the shower room | for en suites, for washrooms
bedroom | for bedroom, for the bedroom | for master suites, for sleeping areas
lounge | for living room, for the lounge | for family rooms, for lounges
nursery | for baby room, for the kids room | for nurseries, for children's rooms
patio | for patio, for the garden, for outside | for decks & terraces, for outdoor use
office | for home office, for my study | for workspaces, for studies & dens
garage | for garage, for the shed | for workshops, for utility rooms
"""

ITEM = """
furniture | couch, sofa, wardrobe, table | furniture, large furniture
appliance | fridge, washer, dishwasher | appliance, white goods
tools | drill, mower, trimmer | power tool, garden machinery
bedding | duvet, pillow, bed sheet | bedding, bed linen
lighting | lamp, floor lamp, light | lighting, lamp & fixture
cookware | pan, saucepan, wok | cookware, kitchenware
textile | curtain, rug, blind | soft furnishings, home textile
plant | house plant, rose bush, tree | live plant, nursery stock
paint | paint, wallpaper | decorating, paint & wallpaper
tableware | dinner set, teapot, mug set | tableware, dinnerware
"""

PAY = """
debit | debit card, bank card | debit, current account
credit | credit card, cc | credit, charge card
wallet | store credit, wallet | account balance, e-wallet
gift | gift card, voucher card | e-gift, gift card
later | pay later, instalments | buy-now-pay-later, monthly payment plan
"""

STATE = """
unpaid | not paid yet, havent paid | unpaid, payment-pending
paid | already paid, just paid | confirmed, paid
shipped | already shipped, on its way | in-transit, dispatched
"""

OFFER = """
newcomer | new customer, first order | welcome, first-purchase
student | student, college | academic, student
birthday | birthday | birthday treat, birthday club
delivery | free shipping, free delivery | carriage-paid, postage
trade | trade, builder | professional, contractor
"""

CREDENTIAL = """
password | password, log in password | passcode, sign-in password
email | email, e-mail | email address, contact email
phone | phone number, mobile number | telephone, contact number
name | user name, username | display name, account name
address | home address, default address | saved address, address book
"""

MOMENT = """
weekend | on saturday, at the weekend, on sunday | weekend
evening | in the evening, after work, after 6pm | evening, late-slot
tomorrow | tomorrow, next day | next-day, express
"""

PLACE = """
neighbour | with neighbor, with neighbour, with next door | neighbour, adjacent household
porch | on porch, on the doorstep, by front door | safe place, doorstep
locker | in locker, in a parcel locker | collection point, parcel locker
"""

INVOICE = """
business | business, company | corporate, business
vat | vat, tax | VAT, value-added tax
copy | duplicate, second | replacement, duplicate
"""

SLOTS = {
    "colour": slot(COLOUR),
    "material": slot(MATERIAL),
    "size": slot(SIZE),
    "volume": slot(VOLUME),
    "power": slot(POWER),
    "feel": slot(FEEL),
    "pet": slot(PET),
    "brand": slot(BRAND),
    "room": slot(ROOM, after=True),
    "item": slot(ITEM, ("order", "parcel")),
    "thing": slot(ITEM, ("item", "product")),
    "pay": slot(PAY, ("card",)),
    "state": slot(STATE, ("",)),
    "offer": slot(OFFER, ("",)),
    "credential": slot(CREDENTIAL, ("account details",)),
    "moment": slot(MOMENT, ("later",)),
    "place": slot(PLACE, ("somewhere else",)),
    "invoice": slot(INVOICE, ("",)),
}

# pairs of lines: name | query wordings | title wordings, then title tags | slot: values
GOODS = """
sofa | couch, sofa, settee, couches | settee, sofa, living room couch
    with cushions, deep seat | size: two three; colour: grey blue green brown
armchair | armchair, arm chair, comfy chair | accent chair, lounge chair, club chair
    high back, with footstool | colour: grey green yellow pink; material: leather velvet rattan
bedframe | bed frame, bedstead, bed | platform bed, bedstead, bed base
    with storage, slatted | size: single double queen king; material: wood metal
mattress | mattress, matress, mattresses | memory foam mattress, hybrid mattress, pocket sprung mattress
    rolled, breathable | feel: soft firm; size: single double queen king
duvet | duvet, comforter, quilt | comforter, down-alternative duvet, quilted cover
    hypoallergenic, washable | feel: summer winter; size: single double queen king
sheets | bed sheets, bedsheets, sheet set | fitted sheet set, bed linen set
    deep pocket, 4-piece | size: single double queen king; colour: white grey blue pink
pillow | pillow, pillows, head pillow | sleeping pillow, bolster pillow
    pair, neck support | feel: soft firm; material: cotton linen bamboo
curtains | curtains, drapes, curtain | blackout panels, window drapes, drapery
    eyelet, thermal | size: 5ft 6ft 8ft; colour: grey blue white yellow
rug | rug, carpet, area rug | floor rug, woven carpet, area rug
    non-slip, low pile | size: rug4 rug5 rug8; colour: grey blue red green
floorlamp | floor lamp, standing lamp, tall lamp | standing light, torchiere, floor lamp
    LED, dimmable | colour: black white brown; room: bedroom lounge office
bookcase | bookshelf, book case, bookshelves | bookcase, 5-tier shelving unit
    easy assembly, wall-fixed | material: wood metal; room: lounge nursery office
wardrobe | wardrobe, closet, armoire | armoire, clothes cabinet, freestanding closet
    with rail, sliding doors | colour: white black brown; material: wood metal
dresser | dresser, chest of drawers, drawers | 6-drawer chest, tallboy
    soft close, anti-tip | colour: white black brown pink; material: wood rattan
desk | desk, computer table, work table | writing desk, workstation
    cable tray, with drawer | size: 4ft 5ft 6ft; material: wood metal glass
chair | desk chair, swivel chair, computer chair | ergonomic task seat, swivel chair
    lumbar support, adjustable | colour: black grey blue pink; material: leather fabric
dining | dinner table, dining table, kitchen table | farmhouse table, dining table, extending table
    seats 4-6, scratch-proof | size: 4ft 6ft 8ft; material: wood glass metal
tvstand | tv stand, tv unit, television table | media console, entertainment centre, TV cabinet
    cable holes, with doors | size: 4ft 5ft 6ft; colour: black white brown
mirror | mirror, mirrors | wall mirror, vanity glass
    shatterproof, bevelled | feel: round tall square; room: bath bedroom lounge
towels | towels, bath towels, towel | bath sheets, towel bale
    quick dry, 600 gsm | colour: white grey blue pink; material: cotton bamboo linen
tap | tap, faucet, taps | mixer tap, basin faucet, single-lever mixer
    drip-free, with hoses | material: stainless copper plastic; room: kitchen bath
bin | trash can, garbage can, rubbish bin, bin | waste bin, pedal bin, refuse can
    soft-close, with liner | volume: 13gal 8gal; material: stainless plastic
fridge | fridge, refrigerator, refridgerator | fridge freezer, larder refrigerator, cooler
    frost-free, A-rated | size: mini family; colour: white black red grey
washer | washing machine, washer, clothes washer | front-load laundry machine, washing machine
    quiet, 1400 rpm | size: mini family; colour: white black grey
vacuum | vacuum, hoover, vaccum cleaner | bagless vacuum, upright vac, stick vac
    HEPA filter, strong suction | brand: brimlo tervano hushwick; power: battery mains
kettle | kettle, water boiler, tea kettle | electric kettle, jug kettle
    rapid boil, auto shut-off | volume: 7cup 4cup; material: glass stainless plastic ceramic
toaster | toaster, bread toaster | bread toaster, bagel toaster
    defrost, crumb tray | volume: two four; colour: red black white green
pan | frying pan, skillet, fry pan | nonstick skillet, saute pan, frypan
    induction, oven safe | size: 8in 10in 12in; material: castiron stainless copper
pot | soup pot, cooking pot, saucepan | stockpot, saucepan, casserole
    with lid, induction | volume: 3qt 6qt; material: castiron stainless copper
cutlery | silverware, cutlery, knives and forks | flatware, cutlery set
    dishwasher safe, 16-piece | colour: black white green; material: stainless bamboo
plates | plates, dishes, dinner plates | dinnerware, coupe plates
    set of 6, microwave safe | colour: white blue green; material: ceramic glass bamboo
mugs | mugs, coffee cups, mug | coffee mugs, tea cups
    set of 4, stackable | colour: white blue red yellow; material: ceramic glass stainless
mower | lawn mower, grass cutter, lawnmower | rotary mower, lawn mower, turf cutter
    foldable, mulching | brand: tervano oxbarrow brimlo; power: battery petrol mains
hedge | hedge trimmer, bush cutter, hedge cutter | shrub shears, hedge trimmer
    dual blade, anti-jam | brand: tervano oxbarrow hushwick; power: battery petrol mains
blower | leaf blower, leaf vacuum | garden blower, yard sweeper
    variable speed, lightweight | brand: oxbarrow brimlo hushwick; power: battery petrol mains
hose | hosepipe, garden hose, water hose | expandable hose, watering pipe, hosepipe
    kink-free, with nozzle | size: 25ft 50ft 100ft; colour: green yellow black
ladder | ladder, step ladder, steps | folding stepladder, extension ladder
    anti-slip, heavy duty | size: 4ft 6ft 8ft; material: metal wood
drill | drill, electric screwdriver | hammer driver, power drill
    with case, 2-speed | brand: tervano oxbarrow brimlo; power: battery mains
wallpaint | wall paint, paint, emulsion | interior emulsion, matt wall paint
    one coat, low odour | colour: white grey green yellow; room: bedroom kitchen bath
planter | plant pot, flower pot, flowerpot | planter, garden urn
    drainage hole, frost-proof | size: 8in 10in 12in; material: terracotta ceramic plastic metal
parasol | patio umbrella, parasol, garden umbrella | sun shade, parasol, cantilever umbrella
    UV50, with crank | size: 6ft 8ft; colour: green grey red blue
bbq | bbq, barbecue, grill | barbecue grill, barbeque, outdoor cooker
    with cover, side shelf | size: mini family; power: charcoal propane
patiochair | garden chair, patio chair, lawn chair | deck chair, outdoor seat
    set of 2, foldable | colour: black white green; material: wood rattan plastic metal
petbed | bed, basket, sleeping bed | snuggle nest, cushion bed, nest bed
    washable, raised rim | colour: grey brown pink blue; pet: dog cat rabbit
petbowl | bowl, food dish, food bowl | feeding bowl, slow feeder
    anti-spill, raised | material: ceramic stainless plastic; pet: dog cat rabbit
storage | storage box, tote, box with lid | lidded tote, storage bin, organiser
    stackable, with handles | material: plastic bamboo fabric; room: garage bedroom nursery
fan | fan, cooling fan, fans | tower fan, oscillating fan, air circulator
    whisper quiet, remote | colour: black white; room: bedroom office lounge
heater | heater, room heater | oil radiator, convector, space heater
    thermostat, tip-over cut-off | size: mini family; room: bedroom office garage bath
basket | laundry basket, washing basket, hamper | laundry hamper, clothes hamper
    with liner, handles | material: rattan plastic bamboo fabric; size: mini family
string | fairy lights, string lights | festoon lights, LED twinkle string
    timer, waterproof | size: 25ft 50ft 100ft; room: patio bedroom nursery
bench | bench, seat bench | garden bench, hallway bench
    seats 2, rustproof | size: 4ft 5ft; material: wood metal rattan
"""

# blocks of four lines: name, slot: values, query wordings, title wordings
HELP = """
return
item: furniture appliance tools bedding lighting cookware textile plant paint tableware
send back {item}, dont want my {item} any more, how do i return {item}, want a refund for {item}
{item} returns policy, how to get a refund on {item} purchases, sending back {item} orders
exchange
item: furniture appliance tools bedding lighting cookware textile tableware
swap {item} for another, wrong {item} need a different one, can i change my {item}
{item} exchanges, replacing {item} with a different model
damaged
item: furniture appliance tools lighting tableware plant cookware
{item} arrived broken, my {item} is in a bad state, {item} turned up damaged
reporting damage to {item} deliveries, broken or faulty {item} claims
missing
item: furniture tools bedding lighting cookware tableware paint
bit of my {item} missing from box, did not get all my {item}, {item} parcel was short
missing parts for {item} orders, incomplete {item} deliveries
warranty
thing: furniture appliance tools lighting cookware
how long is {thing} covered, {thing} stopped working after a year, who fixes {thing}
{thing} warranty cover, {thing} repairs and guarantee
install
thing: furniture appliance lighting
will someone put up my {thing}, do you fit {thing}, cost to set up {thing}
{thing} installation service, {thing} assembly bookings
track
item: furniture appliance tools bedding lighting plant paint textile
where is my {item}, {item} still not here, when will my {item} come, track my {item}
{item} parcel tracking, where your {item} delivery is
recycle
thing: furniture appliance tools bedding paint
take away old {thing}, get rid of used {thing}, do you collect old {thing}
{thing} recycling and disposal, {thing} take-away and collection service
price
thing: furniture appliance tools textile cookware tableware
{thing} went on sale after i bought it, {thing} cheaper elsewhere, can you match price of {thing}
{thing} price promise, price-match claims on {thing} sale items
care
thing: furniture bedding cookware textile tableware
how do i wash {thing}, how to look after {thing}, getting stains off {thing}
{thing} care and washing guide, looking after {thing} products
spare
thing: furniture appliance tools lighting cookware
need a part for my {thing}, replacement screws or knobs for {thing}, where to get bits for {thing}
{thing} spare parts, ordering {thing} components
manual
thing: appliance tools lighting
lost the instructions for {thing}, {thing} booklet pdf, how to use my {thing}
{thing} user manual download, {thing} instruction booklets
sample
thing: paint textile furniture bedding
can i see {thing} before buying, free {thing} swatch, try {thing} colour at home
{thing} sample requests, {thing} tester pieces to order
refundtime
pay: debit credit wallet gift later
when do i get money back on {pay}, {pay} refund not here, how many days to {pay} refund
{pay} refund timescales, when {pay} repayments arrive
payfail
pay: debit credit wallet gift later
{pay} wont go through, cant pay with {pay}, {pay} keeps getting declined
{pay} transaction errors, {pay} declined at checkout
addpay
pay: debit credit gift later
add {pay} to my account, where do i put in {pay}, save {pay} for next time
setting up {pay} as a payment method, adding {pay}
cancel
state: unpaid paid shipped
{state} want to stop my order, {state} can i cancel, dont want it any more {state}
cancelling {state} orders, withdrawal of {state} orders
address
state: unpaid paid shipped
{state} but wrong address on order, {state} need it sent elsewhere, {state} can i edit address
amend delivery details on {state} orders, redirecting {state} orders
modify
state: unpaid paid shipped
{state} picked wrong colour, {state} want one more of it, {state} can i add to order
edit the items in {state} orders, adjusting quantity or colour on {state} orders
getoffer
offer: newcomer student birthday delivery trade
{offer} discount code, is there a {offer} coupon, {offer} money off
{offer} discount offers, claim your {offer} voucher
badoffer
offer: newcomer student birthday delivery trade
{offer} code not working, {offer} coupon says invalid, why cant i use {offer} code
{offer} voucher exclusions, {offer} promotion not accepted: reasons
expired
offer: newcomer student birthday delivery
{offer} coupon expired, {offer} code too late to use
{offer} voucher validity period, expired {offer} coupons
change
credential: password email phone name address
change my {credential}, new {credential} how to, where to edit {credential}
changing your {credential}, {credential} settings
forgot
credential: password email name
forgot my {credential}, cant remember {credential}, lost {credential}
recover a forgotten {credential}, lost {credential} help
slotbook
moment: weekend evening tomorrow
can you deliver {moment}, only home {moment}, bring it {moment}
book {moment} delivery, {moment} courier options
leave
place: neighbour porch locker
leave parcel {place}, put it {place}, can courier drop it {place}
{place} delivery instructions, {place} drop-off preferences
notfound
place: neighbour porch locker
says left {place} but nothing there, my package is not {place}, looked {place} no box
{place} package not found, parcels missing after {place} drop-off
invoice
invoice: business vat copy
need a {invoice} receipt, where is {invoice} invoice, {invoice} bill for my order
download {invoice} invoices, {invoice} invoice requests
wronginvoice
invoice: business vat
{invoice} receipt is wrong, mistake on {invoice} bill
correcting {invoice} invoices, amended {invoice} invoice
"""

CARRIERS = {
    "goods": Wording(
        query=(
            "{before} {head} {after}",
            "{before} {head} {after}",
            "{before} {head} {after}",
            "cheap {before} {head} {after}",
            "best {before} {head} {after}",
            "{head} {before} {after}",
            "{before} {head} {after} sale",
            "looking for {before} {head} {after}",
            "{before} {head} {after} price",
        ),
        title=(
            "{brand} {before} {head} {after}, {tag} - {filler}",
            "{before} {head} {after}, {tag}",
            "{brand} {head} {after}, {before}, {tag}",
            "{brand} {before} {head} {after} | {filler}",
            "{filler}: {before} {head} {after}, {tag}",
            "{head} {after} - {before} - {brand}",
        ),
    ),
    "help": Wording(
        query=("{head}", "{head}", "{head}", "hi {head}", "{head} please", "help {head}"),
        title=(
            "{head}",
            "{head}",
            "{head} | help centre",
            "FAQ: {head}",
            "{head} (updated)",
            "customer service: {head}",
        ),
    ),
}

BRANDS = ("Quillmoor", "Havenby", "Lumavoe", "Pettrick & Dale", "Nordwell Lane", "Zellaby Home", "")
FILLERS = (
    "free delivery",
    "new season",
    "official store",
    "limited offer",
    "ready to ship",
    "2-year guarantee",
    "bestseller",
    "clearance",
)
SMALL_WORDS = frozenset(
    wordings("and, for, with, of, in, the, to, a, on, your, as, after, x, cm, ft, m, gsm, tog, rpm")
)


def title_case(text: str) -> str:
    """Capitalise all but small words, units and words with capitals or digits of their own."""
    words = [
        word
        if word.strip(",") in SMALL_WORDS or not word.islower() or word[0].isdigit()
        else word[0].upper() + word[1:]
        for word in text.split(" ")
    ]
    return " ".join(words)


def finish(side: str, family: str, text: str) -> str:
    """Tidy punctuation left by empty parts and capitalise titles."""
    text = re.sub(r" +([,:])", r"\1", text)
    text = re.sub(r" +", " ", re.sub(r"[ \-|]+$", "", text)).strip()
    if side == "query":
        return text
    return title_case(text) if family == "goods" else text[0].upper() + text[1:]


CATALOGUE = Catalogue(
    heads=products("goods", GOODS) + questions("help", HELP),
    slots=SLOTS,
    carriers=CARRIERS,
    brands=BRANDS,
    fillers=FILLERS,
    gap=" ",
    finish=finish,
    typo_rate=0.05,
)

if __name__ == "__main__":
    raise SystemExit(main(CATALOGUE, PLAN, Path(__file__).resolve().parent))
